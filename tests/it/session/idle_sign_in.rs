//! A sign-in does not go on with a session that was not used for `SESSION_IDLE_TIMEOUT`: WorkOS may still have
//! its own session, and would not ask for credentials.

use reqwest::{Method, StatusCode, Url};
use serde_json::json;

use super::idle::{TIMEOUT, app};
use crate::account_sessions::{ADA, workos_has};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::exchange::{WORKOS, authorize_url};
use crate::support::steps::{error_page, obtain_callback_url, query};

const AGAIN: &str = "/auth/login?max_age=0";
const NAME: &str = "tofu-web";

/// The authorize URL to which this address leads in the end.
async fn authorize_of(visitor: &Visitor, target: &str) -> Url {
    let mut response = visitor.follow(target).await;
    while location(&response).starts_with('/') {
        response = visitor.follow(&location(&response)).await;
    }
    Url::parse(&location(&response)).unwrap()
}

fn max_ages(authorize: &Url) -> Vec<String> {
    let ages = authorize
        .query_pairs()
        .filter(|(name, _)| name == "max_age");
    ages.map(|(_, value)| value.into_owned()).collect()
}

#[tokio::test]
async fn a_log_in_link_asks_for_credentials() {
    for target in [
        "/auth/login",
        "/signin",
        "/auth/login?max_age=86400",
        "/auth/login?reauthenticate=1",
    ] {
        let app = app();
        let ada = app.signed_in(ADA).await;
        app.advance(TIMEOUT);
        let authorize = authorize_of(&ada, target).await;
        assert_eq!(max_ages(&authorize), ["0"], "{target}");
        assert_eq!(app.only_session().revoked_at, Some(app.now()));
        workos_has(&app, ADA, 0).await;
        // Also if it is followed again, and after a page has ended the session.
        assert_eq!(max_ages(&authorize_of(&ada, "/auth/login").await), ["0"]);
        let callback = ada.authorize(&authorize, ADA).await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(
            (response.status(), &*location(&response)),
            (StatusCode::FOUND, "/")
        );
        assert!(ada.is_signed_in().await, "{target}");
    }
}

#[tokio::test]
async fn a_session_that_a_page_has_ended_asks_too() {
    let app = app();
    let ada = app.signed_in(ADA).await;
    app.advance(TIMEOUT);
    assert!(!ada.is_signed_in().await);
    app.advance(1);
    assert_eq!(max_ages(&authorize_of(&ada, "/auth/login").await), ["0"]);
}

#[tokio::test]
async fn a_session_in_use_asks_for_nothing() {
    let app = app();
    let ada = app.signed_in(ADA).await;
    app.advance(TIMEOUT - 1);
    let authorize = authorize_of(&ada, "/auth/login").await;
    assert!(max_ages(&authorize).is_empty());
    assert_eq!(app.only_session().revoked_at, None);
    let without = TestApp::start();
    let ada = without.signed_in(ADA).await;
    without.advance(TIMEOUT);
    let authorize = authorize_of(&ada, "/auth/login").await;
    assert!(max_ages(&authorize).is_empty());
}

/// Its attempt began while the session was in use.
#[tokio::test]
async fn a_late_callback_starts_a_log_in_that_asks() {
    let app = short();
    let ada = app.signed_in(ADA).await;
    let callback = obtain_callback_url(&ada, ADA).await;
    app.advance(300);
    let response = ada.get(callback.as_str()).await;
    assert_eq!(location(&response), AGAIN);
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.sessions().len(), 1);
}

#[tokio::test]
async fn a_late_answer_to_a_step_is_refused() {
    let app = short();
    let browser = app.signed_in(ADA).await;
    let callback = obtain_callback_url(&browser, "max@example.com").await;
    let stopped = browser.get(callback.as_str()).await;
    let step = location(&stopped);
    app.advance(300);
    let response = browser.submit(&step, &[("code", "123456")]).await;
    error_page(response, StatusCode::BAD_REQUEST).await;
    assert_eq!(app.sessions().len(), 1);
}

/// An idle time-out of five minutes: an attempt lives for ten.
fn short() -> TestApp {
    TestApp::builder()
        .setting("SESSION_IDLE_TIMEOUT", "300")
        .start()
}

#[tokio::test]
async fn an_exchange_does_not_go_on_with_it() {
    let app = TestApp::builder()
        .setting("SESSION_IDLE_TIMEOUT", &TIMEOUT.to_string())
        .setting("AUTH_COOKIE_NAME", NAME)
        .start();
    let ada = app.signed_in(ADA).await;
    app.advance(TIMEOUT);
    // WorkOS remembers the browser and asks for nothing.
    let silent = ada.get(authorize_url(&app, false).as_str()).await;
    let callback = Url::parse(&location(&silent)).unwrap();
    let body = json!({ "code": query(&callback, "code") });
    let answer = ada.post_json(WORKOS, &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.set_cookie(NAME), None);
    assert!(app.only_session().revoked_at.is_some());
    // With credentials it begins.
    let callback = ada.authorize(&authorize_url(&app, false), ADA).await;
    let body = json!({ "code": query(&callback, "code") });
    let request = ada.request(Method::POST, WORKOS).json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}
