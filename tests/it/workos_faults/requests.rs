//! The requests that the application sends to WorkOS, and when it repeats them.

use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use reqwest::{Method, StatusCode};
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

/// WorkOS's firewall reads the requests. What a client sends must not make it refuse them.
#[tokio::test]
async fn the_user_agent_is_sent_without_characters_that_firewalls_refuse() {
    let app = TestApp::start();
    let ada = app.visitor();
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let hostile = format!(
        "{browser} <script>' OR 1=1 -- ${{jndi:x}} `id`|\\{}",
        "A".repeat(4_000)
    );
    let with_agent = |url: &str| ada.request(Method::GET, url).header("User-Agent", &hostile);
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let signed_in = with_agent(callback.as_str()).send().await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::FOUND);
    app.expire_workos_tokens();
    let page = with_agent("/account").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let sent = exchanges(&app);
    assert_eq!(sent.len(), 2, "a sign-in and a renewal");
    for request in sent {
        let user_agent = request.body["user_agent"].as_str().unwrap();
        assert!(user_agent.starts_with(browser), "{user_agent}");
        assert!(user_agent.len() <= 255, "{user_agent}");
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || " /.;:(),_-+".contains(c);
        assert!(user_agent.chars().all(is_allowed), "{user_agent}");
    }
}

#[tokio::test]
async fn a_renewal_that_a_firewall_refuses_is_repeated_without_the_data_of_the_client() {
    for status in [403, 413] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        app.expire_workos_tokens();
        let firewall = Effect::status(status, json!("<html>Blocked"));
        let fault = Fault::once(AUTHENTICATE, firewall).body_contains("ip_address");
        app.workos().inject(fault.times(u32::MAX));
        app.workos().clear_requests();
        assert!(ada.is_signed_in().await);
        let sent = exchanges(&app);
        assert_eq!(sent.len(), 2, "{status}");
        let fields = |at: usize| sent[at].body.as_object().unwrap();
        assert!(fields(0).contains_key("ip_address"));
        assert!(!fields(1).contains_key("ip_address") && !fields(1).contains_key("user_agent"));
        assert_eq!(fields(0)["refresh_token"], fields(1)["refresh_token"]);
        assert_eq!(app.only_session().renewal_failures, 0);
    }
}

/// A firewall would refuse the renewal for a text that the client has chosen.
#[tokio::test]
async fn an_organization_that_is_no_identifier_is_not_sent() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.workos().clear_requests();
    let fields = [("organization_id", "<script>alert(1)</script>")];
    let answer = ada.submit("/auth/organization", &fields).await;
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("You cannot switch to this organisation"),
        "{page}"
    );
    assert_eq!(exchanges(&app).len(), 0);
    assert!(ada.is_signed_in().await);
}
