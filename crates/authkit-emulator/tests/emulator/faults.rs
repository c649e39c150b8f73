//! Ordered faults, the record of requests, and admin_api over HTTP.

use std::time::{Duration, Instant};

use authkit_emulator::{Effect, Fault, Gate};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{Peer, claims};

const AUTHENTICATE: &str = "/user_management/authenticate";

/// Sends a request as bytes and returns all that comes back until the connection ends.
async fn raw(peer: &Peer, request: String) -> Vec<u8> {
    let address = peer.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let _reset_counts_as_end = stream.read_to_end(&mut reply).await;
    reply
}

async fn raw_refresh(peer: &Peer, token: &Value) -> Vec<u8> {
    let body = json!({
        "client_id": peer.running.client_id(),
        "client_secret": peer.running.api_key(),
        "grant_type": "refresh_token",
        "refresh_token": token,
    })
    .to_string();
    let length = body.len();
    raw(
        peer,
        format!(
            "POST {AUTHENTICATE} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
    .await
}

/// A refresh that does not borrow the emulator, for a task of its own.
fn refresh_request(peer: &Peer, token: &Value) -> impl Future<Output = Value> + use<> {
    let request = peer.authenticate_request(&json!({
        "grant_type": "refresh_token", "refresh_token": token,
    }));
    async move { request.send().await.unwrap().json().await.unwrap() }
}

#[tokio::test]
async fn a_failure_strikes_the_ordered_number_of_times() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    peer.control().inject(Fault {
        endpoint: AUTHENTICATE.to_owned(),
        grant_type: Some("refresh_token".to_owned()),
        times: 2,
        effect: Effect::Status {
            status: 429,
            body: json!({ "code": "daily_quota_exceeded", "message": "Slow down." }),
            retry_after: Some("3".to_owned()),
        },
    });
    peer.sign_in("ada@example.com").await;
    let fields = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
    for _ in 0..2 {
        let response = peer.authenticate_raw(fields.clone()).await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["retry-after"]
            ),
            (429, &"3".parse().unwrap())
        );
        assert_eq!(
            response.json::<Value>().await.unwrap()["code"],
            "daily_quota_exceeded"
        );
    }
    assert_eq!(
        peer.refresh(&tokens["refresh_token"]).await.0,
        200,
        "nothing was done before"
    );
}

#[tokio::test]
async fn a_failure_can_be_a_page_of_a_proxy_and_strikes_below_its_path() {
    let peer = Peer::start();
    let page = "<html>502 Bad Gateway</html>";
    peer.control()
        .inject(Fault::once("/sso/jwks", Effect::status(502, json!(page))));
    let url = format!("{}/sso/jwks/{}", peer.base, peer.running.client_id());
    let response = Client::new().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(response.text().await.unwrap(), page);
    peer.control()
        .inject(Fault::once("/sso/jw", Effect::status(502, Value::Null)));
    assert_eq!(Client::new().get(&url).send().await.unwrap().status(), 200);
    assert_eq!(peer.control().faults().len(), 1);
    peer.control().clear_faults();
    assert!(peer.control().faults().is_empty());
}

#[tokio::test]
async fn a_dropped_reply_is_no_byte_of_a_request_that_was_done() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    peer.control()
        .inject(Fault::once(AUTHENTICATE, Effect::DropReply));
    let reply = raw_refresh(&peer, &tokens["refresh_token"]).await;
    assert_eq!(String::from_utf8_lossy(&reply), "");
    // The pair that was lost is what a retry within the grace gets.
    let (status, pair) = peer.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &claims(&pair)["sid"]),
        (200, &claims(&tokens)["sid"])
    );
    peer.control().advance(Duration::from_secs(31));
    assert_eq!(
        peer.refresh(&tokens["refresh_token"]).await.0,
        400,
        "so it had been used"
    );
}

#[tokio::test]
async fn half_a_body_promises_more_than_it_sends() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    peer.control()
        .inject(Fault::once(AUTHENTICATE, Effect::HalfBody));
    let reply = raw_refresh(&peer, &tokens["refresh_token"]).await;
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let promised: usize = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap();
    assert!(
        body.len() == promised / 2 && body.starts_with('{'),
        "{} of {promised}",
        body.len()
    );
    let fields = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
    peer.control()
        .inject(Fault::once(AUTHENTICATE, Effect::HalfBody));
    let response = peer.authenticate_raw(fields).await.unwrap();
    assert!(response.json::<Value>().await.is_err());
}

#[tokio::test]
async fn no_answer_lasts_until_the_client_gives_up_or_the_emulator_stops() {
    let peer = Peer::start();
    peer.control()
        .inject(Fault::once("/health", Effect::NoAnswer).times(2));
    let url = format!("{}/health", peer.base);
    let impatient = Client::builder()
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    assert!(impatient.get(&url).send().await.unwrap_err().is_timeout());
    let patient = tokio::spawn(Client::new().get(&url).send());
    while peer.control().count("/health") < 2 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    peer.running.stop(true).await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(patient.await.unwrap().is_err());
}

#[tokio::test]
async fn a_gate_holds_the_response_to_a_processed_request_until_it_is_opened() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    let gate = peer.control().inject_gate(AUTHENTICATE);
    let held = tokio::spawn(refresh_request(&peer, &tokens["refresh_token"]));
    gate.reached().await.unwrap();
    // The token was exchanged before the response was held: a second request gets the same pair.
    let (status, pair) = peer.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200);
    assert!(!held.is_finished());
    gate.open();
    assert_eq!(held.await.unwrap(), pair);
    assert_eq!(gate.arrived(), 1);
}

#[tokio::test]
async fn a_gate_holds_several_responses_and_lets_later_ones_pass() {
    let peer = Peer::start();
    let gate = Gate::new();
    peer.control()
        .inject(Fault::once("/health", Effect::hold(&gate)).times(3));
    let url = format!("{}/health", peer.base);
    let held = [(); 2].map(|()| tokio::spawn(Client::new().get(&url).send()));
    gate.reached_by(2).await.unwrap();
    gate.open();
    for response in held {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(Client::new().get(&url).send().await.unwrap().status(), 200);
    assert_eq!(gate.arrived(), 3);
}

#[tokio::test]
async fn a_closed_gate_does_not_keep_the_emulator_from_stopping() {
    let peer = Peer::start();
    let gate = peer.control().inject_gate("/health");
    let held = tokio::spawn(Client::new().get(format!("{}/health", peer.base)).send());
    gate.reached().await.unwrap();
    peer.running.stop(true).await;
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_delay_postpones_the_response_to_a_processed_request() {
    let peer = Peer::start();
    let tokens = peer.sign_in("ada@example.com").await;
    peer.control().inject(Fault::once(
        AUTHENTICATE,
        Effect::Delay { milliseconds: 50 },
    ));
    let started = Instant::now();
    let delayed = peer.refresh(&tokens["refresh_token"]).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(peer.refresh(&tokens["refresh_token"]).await, delayed);
}

#[tokio::test]
async fn requests_are_recorded() {
    let peer = Peer::start();
    peer.sign_in("ada@example.com").await;
    let control = peer.control();
    assert_eq!(control.count(AUTHENTICATE), 1);
    assert_eq!(control.count_grant("authorization_code"), 1);
    let requests = control.requests();
    let exchange = requests.last().unwrap();
    assert_eq!((&*exchange.method, &*exchange.path), ("POST", AUTHENTICATE));
    assert_eq!(exchange.headers["content-type"], "application/json");
    assert_eq!(exchange.body["client_id"], peer.running.client_id());
    let choice = &requests[requests.len() - 2];
    assert_eq!(choice.body["user"], peer.user_id("ada@example.com"));
    assert!(
        choice.query.contains("state=some-state"),
        "{}",
        choice.query
    );
    control.clear_requests();
    assert!(control.requests().is_empty());
}

#[tokio::test]
async fn another_process_steers_over_http() {
    let peer = Peer::start();
    let fault = json!({
        "endpoint": AUTHENTICATE, "grant_type": "refresh_token",
        "effect": { "kind": "status", "status": 503, "retry_after": "1" },
    });
    assert_eq!(peer.steer("POST", "faults", fault).await.0, 204);
    assert_eq!(
        peer.steer("GET", "faults", json!({})).await.1[0]["times"],
        1
    );
    let tokens = peer.sign_in("ada@example.com").await;
    assert_eq!(peer.refresh(&tokens["refresh_token"]).await.0, 503);
    let hold = json!({ "endpoint": "/health", "effect": { "kind": "hold" } });
    assert_eq!(peer.steer("POST", "faults", hold).await.0, 422);
    let _gate = peer.control().inject_gate("/health");
    assert_eq!(
        peer.steer("GET", "faults", json!({})).await.1[0]["effect"],
        json!({ "kind": "hold" })
    );
    let drop = json!({ "endpoint": "/health", "effect": { "kind": "drop_reply" } });
    assert_eq!(peer.steer("POST", "faults", drop).await.0, 204);
    assert_eq!(peer.steer("DELETE", "faults", json!({})).await.0, 204);
    assert_eq!(peer.steer("GET", "faults", json!({})).await.1, json!([]));
    assert_eq!(
        peer.steer("POST", "clock", json!({ "advance_seconds": 3600 }))
            .await
            .0,
        204
    );
    let settings = json!({ "access_token_lifetime": 9, "issuer": "https://auth.example" });
    assert_eq!(peer.steer("POST", "tokens", settings).await.0, 204);
    let claims = claims(&peer.sign_in("ada@example.com").await);
    assert_eq!(claims["iss"], "https://auth.example");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        9
    );
    assert_eq!(
        peer.steer("POST", "keys/rotate", json!({ "keep_old": true }))
            .await
            .0,
        204
    );
    let state = peer.steer("GET", "state", json!({})).await.1;
    assert_eq!(state["sessions"].as_array().unwrap().len(), 2);
    let requests = peer.steer("GET", "requests", json!({})).await.1;
    assert!(
        requests
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["path"] == AUTHENTICATE)
    );
    assert_eq!(peer.steer("DELETE", "requests", json!({})).await.0, 204);
    assert!(peer.control().requests().is_empty());
    for (path, body) in [
        ("clock", json!({ "advance": 1 })),
        ("tokens", json!({ "lifetime": 1 })),
        (
            "faults",
            json!({ "endpoint": "/", "effect": { "kind": "explode" } }),
        ),
    ] {
        assert_eq!(peer.steer("POST", path, body).await.0, 422, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_steer() {
    let peer = Peer::start();
    let url = format!("{}/_emulator/state", peer.base);
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("host", "rebound.example"),
    ] {
        let response = Client::new()
            .get(&url)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{name}");
    }
    assert_eq!(Client::new().get(&url).send().await.unwrap().status(), 200);
}
