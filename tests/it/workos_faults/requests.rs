//! The requests that the application sends to WorkOS, and when it repeats them.

use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use reqwest::StatusCode;
use serde_json::json;
use vestibule::workos::WorkosClient;

use super::exchanges;
use crate::support::app::TestApp;
use crate::support::forwarder::Forwarder;
use crate::support::log;
use crate::support::steps::{AUTHENTICATE, obtain_callback_url};

#[tokio::test]
async fn a_request_that_was_not_sent_is_sent_again() {
    log::capture();
    let workos = TestApp::start();
    let upstream = workos.emulator.base_url();
    let forwarder = Forwarder::start(upstream.trim_start_matches("http://").parse().unwrap());
    let between = format!("http://{}", forwarder.address());
    let app = TestApp::builder()
        .setting("WORKOS_API_BASE_URL", &between)
        .start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    forwarder.cut();
    let answer = tokio::spawn(async move { ada.get(callback.as_str()).await.status() });
    let failed_once = || log::has_line_with("repeating a request to WorkOS", &between);
    while !failed_once() {
        assert!(!answer.is_finished(), "the request is sent a second time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    forwarder.restore();
    assert_eq!(answer.await.unwrap(), StatusCode::FOUND);
    assert_eq!(exchanges(&workos).len(), 1);
    assert_eq!(app.sessions().len(), 1);
}

#[tokio::test]
async fn the_exchange_sends_the_user_agent_and_the_required_fields() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    app.signed_in("ada@example.com").await;
    let sent = exchanges(&app);
    assert_eq!(sent.len(), 2);
    let header = |at: usize, name: &str| sent[at].headers[name].as_str();
    let user_agent = format!("vestibule/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(header(0, "user-agent"), user_agent);
    assert!(header(0, "idempotency-key").len() >= 22);
    assert_ne!(header(0, "idempotency-key"), header(1, "idempotency-key"));
    let body = &sent[0].body;
    assert_eq!(body["grant_type"], "authorization_code");
    assert_eq!(body["client_id"], app.emulator.client_id());
    assert_eq!(body["client_secret"], app.emulator.api_key());
    assert_eq!(body["code_verifier"].as_str().unwrap().len(), 43);
    assert_eq!(body["ip_address"], "127.0.0.1");
}

#[tokio::test]
async fn a_safe_request_is_repeated_with_the_same_idempotency_key() {
    let app = TestApp::start();
    let status = Effect::Status {
        status: 500,
        body: json!({}),
        retry_after: None,
    };
    app.workos()
        .inject(Fault::once(AUTHENTICATE, status).times(2));
    let client = WorkosClient::new(&app.settings.workos).unwrap();
    client.verify_credentials().await.unwrap();
    let keys: Vec<_> = exchanges(&app)
        .into_iter()
        .map(|request| request.headers["idempotency-key"].clone())
        .collect();
    assert_eq!(keys.len(), 3, "two failures and the response");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}
