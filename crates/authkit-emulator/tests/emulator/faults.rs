//! Injected faults.

use std::time::{Duration, Instant};

use authkit_emulator::{Effect, Fault};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::test_emulator::{TestEmulator, claims, plain_client, plain_client_builder};

const AUTHENTICATE: &str = "/user_management/authenticate";

/// Sends a request as bytes, and returns all bytes of the response until the connection ends.
async fn send_raw(emulator: &TestEmulator, request: String) -> Vec<u8> {
    let address = emulator.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    // A connection reset ends the response too.
    let _end = stream.read_to_end(&mut reply).await;
    reply
}

async fn send_raw_refresh(emulator: &TestEmulator, token: &Value) -> Vec<u8> {
    let body = json!({
        "client_id": emulator.handle.client_id(),
        "client_secret": emulator.handle.api_key(),
        "grant_type": "refresh_token",
        "refresh_token": token,
    })
    .to_string();
    let length = body.len();
    send_raw(
        emulator,
        format!(
            "POST {AUTHENTICATE} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
    .await
}

#[tokio::test]
async fn a_fault_is_applied_to_the_given_number_of_requests() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let busy = Effect::Status {
        status: 429,
        body: json!({ "code": "daily_quota_exceeded", "message": "Slow down." }),
        retry_after: Some("3".to_owned()),
    };
    let fault = Fault::once(AUTHENTICATE, busy).grant_type("refresh_token");
    emulator.control().inject(fault.times(2));
    emulator.sign_in("ada@example.com").await;
    let fields = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
    for _ in 0..2 {
        let response = emulator.authenticate_raw(fields.clone()).await.unwrap();
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
        emulator.refresh(&tokens["refresh_token"]).await.0,
        200,
        "the failed requests did not use the token"
    );
}

#[tokio::test]
async fn a_fault_can_answer_with_html_and_matches_paths_below_its_endpoint() {
    let emulator = TestEmulator::start();
    let page = "<html>502 Bad Gateway</html>";
    emulator
        .control()
        .inject(Fault::once("/sso/jwks", Effect::status(502, json!(page))));
    let url = format!("{}/sso/jwks/{}", emulator.base, emulator.handle.client_id());
    let response = plain_client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(response.text().await.unwrap(), page);
    emulator
        .control()
        .inject(Fault::once("/sso/jw", Effect::status(502, Value::Null)));
    assert_eq!(plain_client().get(&url).send().await.unwrap().status(), 200);
    assert_eq!(emulator.control().faults().len(), 1);
    emulator.control().clear_faults();
    assert!(emulator.control().faults().is_empty());
}

#[tokio::test]
async fn a_dropped_reply_closes_the_connection_after_processing_the_request() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    emulator
        .control()
        .inject(Fault::once(AUTHENTICATE, Effect::DropReply));
    let reply = send_raw_refresh(&emulator, &tokens["refresh_token"]).await;
    assert_eq!(String::from_utf8_lossy(&reply), "");
    // A retry within the replay window returns the lost pair.
    let (status, pair) = emulator.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status.as_u16(), &claims(&pair)["sid"]),
        (200, &claims(&tokens)["sid"])
    );
    emulator.control().advance(Duration::from_secs(31));
    assert_eq!(
        emulator.refresh(&tokens["refresh_token"]).await.0,
        400,
        "the dropped request used the token"
    );
}

#[tokio::test]
async fn half_a_body_is_shorter_than_its_content_length() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    emulator
        .control()
        .inject(Fault::once(AUTHENTICATE, Effect::HalfBody));
    let reply = send_raw_refresh(&emulator, &tokens["refresh_token"]).await;
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let content_length: usize = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap();
    assert!(
        body.len() == content_length / 2 && body.starts_with('{'),
        "{} of {content_length}",
        body.len()
    );
    let fields = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
    emulator
        .control()
        .inject(Fault::once(AUTHENTICATE, Effect::HalfBody));
    let response = emulator.authenticate_raw(fields).await.unwrap();
    assert!(response.json::<Value>().await.is_err());
}

#[tokio::test]
async fn no_answer_is_sent_until_the_client_gives_up_or_the_emulator_stops() {
    let emulator = TestEmulator::start();
    emulator
        .control()
        .inject(Fault::once("/health", Effect::NoAnswer).times(2));
    let url = format!("{}/health", emulator.base);
    let client_with_timeout = plain_client_builder()
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    assert!(
        client_with_timeout
            .get(&url)
            .send()
            .await
            .unwrap_err()
            .is_timeout()
    );
    let waiting = tokio::spawn(plain_client().get(&url).send());
    while emulator.control().count("/health") < 2 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    emulator.handle.stop(true).await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_delay_postpones_the_response_of_a_processed_request() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    emulator.control().inject(Fault::once(
        AUTHENTICATE,
        Effect::Delay { milliseconds: 50 },
    ));
    let started = Instant::now();
    let delayed = emulator.refresh(&tokens["refresh_token"]).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(emulator.refresh(&tokens["refresh_token"]).await, delayed);
}

#[tokio::test]
async fn a_fault_can_be_limited_to_a_user_or_to_a_text_in_the_body() {
    let emulator = TestEmulator::start();
    let ada = emulator.sign_in("ada@example.com").await;
    let olive = emulator.sign_in("olive@example.com").await;
    let blocked =
        || Fault::once(AUTHENTICATE, Effect::status(403, json!("<html>"))).times(u32::MAX);
    let control = emulator.control();
    let status = async |tokens: &Value, user_agent: &str| {
        let fields = json!({
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "user_agent": user_agent,
        });
        let response = emulator.authenticate_raw(fields).await.unwrap();
        response.status().as_u16()
    };
    control.inject(blocked().of_user("ada@example.com"));
    assert_eq!(status(&ada, "").await, 403);
    assert_eq!(status(&olive, "").await, 200);
    control.clear_faults();
    control.inject(blocked().body_contains("<script"));
    assert_eq!(status(&ada, "<script>").await, 403);
    assert_eq!(status(&ada, "").await, 200);
}
