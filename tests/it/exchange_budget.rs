//! Clients that have not signed in cannot cause requests to WorkOS without limit.

use authkit_emulator::{Effect, Fault, Gate};
use chrono::TimeDelta;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::json;

use crate::account_sessions::REVOKE_AT_WORKOS;
use crate::support::app::{TestApp, Visitor, location};
use crate::support::raw::Connection;
use crate::support::steps::{AUTHENTICATE, error_page, query, retry_after};

const HERE: &str = "192.0.2.1";
/// Three times the ten sign-ins a minute.
const FAILURES: usize = 30;

/// An app behind a proxy that sends the client's address.
fn app() -> TestApp {
    TestApp::builder()
        .setting("THROTTLE_LOGIN", "10/min")
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start()
}

async fn get_from(visitor: &Visitor, address: &str, target: &str) -> Response {
    let request = visitor.request(Method::GET, target);
    let request = request.header("x-forwarded-for", address);
    request.send().await.unwrap()
}

/// Begins an attempt and returns the address of its callback without a code.
async fn attempt(visitor: &Visitor) -> String {
    let authorize = visitor.start_login("/auth/login").await;
    format!("/auth/callback?state={}", query(&authorize, "state"))
}

/// Sends an invented code with a new attempt.
async fn invented_code(app: &TestApp, address: &str) -> Response {
    let visitor = app.visitor();
    let callback = attempt(&visitor).await;
    get_from(&visitor, address, &format!("{callback}&code=invented")).await
}

/// Uses up the failures of this address.
async fn fail(app: &TestApp, address: &str) {
    for _ in 0..FAILURES {
        let refused = invented_code(app, address).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn invented_codes_use_up_the_attempt() {
    let app = app();
    let visitor = app.visitor();
    let callback = attempt(&visitor).await;
    let cookies = visitor.cookies("/auth/callback");
    let send = async |number: usize| {
        let target = format!("{callback}&code=invented-{number}");
        app.visitor()
            .get_with_cookies(&target, &cookies)
            .await
            .status()
    };
    let (mut statuses, replayed) = tokio::join!(
        async {
            let mut statuses = Vec::new();
            for number in 0..20 {
                statuses.push(send(number).await);
            }
            statuses
        },
        async {
            let mut statuses = Vec::new();
            for number in 20..40 {
                statuses.push(send(number).await);
            }
            statuses
        }
    );
    statuses.extend(replayed);
    assert_eq!(statuses, [StatusCode::BAD_REQUEST; 40]);
    assert_eq!(app.workos().count(AUTHENTICATE), 3);
    // The cookie is still in its lifetime, and nothing else is remembered of this address.
    app.clock.advance(TimeDelta::minutes(5));
    let replay = format!("{callback}&code=more");
    let replay = app.visitor().get_with_cookies(&replay, &cookies).await;
    let page = error_page(replay, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("This sign-in cannot be completed"), "{page}");
    assert_eq!(app.workos().count(AUTHENTICATE), 3);
}

#[tokio::test]
async fn codes_that_are_sent_while_others_are_exchanged_are_counted_too() {
    let app = app();
    let visitor = app.visitor();
    let callback = attempt(&visitor).await;
    let cookies = visitor.cookies("/auth/callback");
    let send = async |number: usize| {
        let target = format!("{callback}&code=invented-{number}");
        app.visitor()
            .get_with_cookies(&target, &cookies)
            .await
            .status()
    };
    // WorkOS has received the three codes and answers none of them before the gate is open.
    let gate = Gate::new();
    for _ in 0..10 {
        let held = Effect::hold(&gate);
        app.workos().inject(Fault::once(AUTHENTICATE, held));
    }
    let others = async {
        gate.reached_by(3).await.unwrap();
        let others = futures_util::future::join_all((3..20).map(send)).await;
        gate.open();
        others
    };
    let (first, others) = tokio::join!(futures_util::future::join_all((0..3).map(send)), others);
    assert_eq!(first, [StatusCode::BAD_REQUEST; 3]);
    assert_eq!(others, [StatusCode::BAD_REQUEST; 17]);
    assert_eq!(app.workos().count(AUTHENTICATE), 3);
    app.workos().clear_faults();
}

#[tokio::test]
async fn invented_codes_with_new_attempts_use_up_the_address() {
    let app = app();
    fail(&app, HERE).await;
    assert_eq!(app.workos().count(AUTHENTICATE), FAILURES);
    let throttled = invented_code(&app, HERE).await;
    assert_eq!(retry_after(throttled.headers()), Some(60));
    let page = error_page(throttled, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(page.contains("Too many attempts"), "{page}");
    assert_eq!(app.workos().count(AUTHENTICATE), FAILURES);
    let other = invented_code(&app, "192.0.2.2").await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn invented_codes_from_every_address_of_a_network_use_up_the_network() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "1/min")
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start();
    // A /56 has four times the failures of a /64, a /24 sixteen times those of an address.
    for (network, allowed) in [("2001:db8:0:X::1", 12), ("198.51.100.X", 48)] {
        let from = |number: usize| network.replace('X', &number.to_string());
        for number in 0..allowed {
            let refused = invented_code(&app, &from(number)).await;
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        }
        let throttled = invented_code(&app, &from(allowed)).await;
        assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(app.workos().count(AUTHENTICATE), 60);
}

#[tokio::test]
async fn a_throttled_sign_in_can_be_completed_later() {
    let app = app();
    fail(&app, HERE).await;
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let throttled = get_from(&ada, HERE, callback.as_str()).await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    app.clock.advance(TimeDelta::seconds(60));
    let completed = get_from(&ada, HERE, callback.as_str()).await;
    assert_eq!(completed.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn the_other_routes_that_ask_a_provider_share_the_budget() {
    let app = app();
    let una = app.visitor();
    let authorize = una.start_login("/auth/login").await;
    let callback = una.authorize(&authorize, "una@example.com").await;
    let step = location(&get_from(&una, HERE, callback.as_str()).await);
    assert!(step.starts_with("/auth/step?id="), "{step}");
    fail(&app, HERE).await;
    let before = app.workos().requests().len();
    let from = [("x-forwarded-for", HERE)];
    let code = json!({ "code": "invented" });
    let exchange = una
        .post_json_with_headers("/api/auth/workos/callback", &code, &from)
        .await;
    assert_eq!(exchange.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(exchange.header("retry-after"), Some("60"));
    let detail = "Request was throttled. Expected available in 60 seconds.";
    assert_eq!(exchange.json, json!({ "detail": detail }));
    let answer = una
        .request(Method::POST, &step)
        .header("x-forwarded-for", HERE)
        .header("sec-fetch-site", "same-origin")
        .form(&[("code", "000000")]);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.workos().requests().len(), before, "WorkOS is not asked");
}

#[tokio::test]
async fn a_client_that_hangs_up_has_been_counted() {
    let app = app();
    let visitor = app.visitor();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let callback = attempt(&visitor).await;
    let cookies = format!("Cookie: {}", visitor.cookies("/auth/callback"));
    let from = format!("X-Forwarded-For: {HERE}");
    let mut connection = Connection::open(&app.url);
    let target = format!("{callback}&code=invented");
    connection.request("GET", &target, &["Host: localhost", &from, &cookies]);
    gate.reached().await.unwrap();
    drop(connection);
    gate.open();
    for _ in 1..FAILURES {
        let refused = invented_code(&app, HERE).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    let throttled = invented_code(&app, HERE).await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn completed_sign_ins_are_not_counted() {
    let app = app();
    for _ in 0..=FAILURES {
        let ada = app.visitor();
        assert_eq!(
            ada.sign_in("ada@example.com").await.status(),
            StatusCode::FOUND
        );
    }
}

#[tokio::test]
async fn an_outage_does_not_use_up_the_attempt() {
    let app = app();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    for _ in 0..5 {
        let outage = Effect::status(503, json!({}));
        app.workos().inject(Fault::once(AUTHENTICATE, outage));
        let page = get_from(&ada, HERE, callback.as_str()).await;
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let completed = get_from(&ada, HERE, callback.as_str()).await;
    assert_eq!(completed.status(), StatusCode::FOUND);
}

/// Otherwise one attempt could exchange any number of valid codes, each of which WorkOS counts.
#[tokio::test]
async fn an_attempt_exchanges_one_valid_code() {
    let app = app();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callbacks = [
        ada.authorize(&authorize, "ada@example.com").await,
        ada.authorize(&authorize, "ada@example.com").await,
    ];
    let cookies = ada.cookies("/auth/callback");
    let send = async |callback: &Url| {
        let visitor = app.visitor();
        let sent = visitor.get_with_cookies(callback.as_str(), &cookies);
        sent.await.status()
    };
    assert_eq!(send(&callbacks[0]).await, StatusCode::FOUND);
    assert_eq!(app.workos().count(AUTHENTICATE), 1);
    for _ in 0..5 {
        assert_eq!(send(&callbacks[1]).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(app.workos().count(AUTHENTICATE), 1, "WorkOS is not asked");
    assert_eq!(app.workos().count(REVOKE_AT_WORKOS), 0);
    // The answer to the first one may have been lost.
    assert_eq!(send(&callbacks[0]).await, StatusCode::FOUND);
}
