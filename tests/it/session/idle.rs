//! `SESSION_IDLE_TIMEOUT`.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::account_sessions::REVOKE_AT_WORKOS;
use crate::support::app::{TestApp, Visitor};
use crate::support::readings::happens_soon;

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";
/// The time-out in seconds.
pub(super) const TIMEOUT: i64 = 1_000;

pub(super) fn app() -> TestApp {
    TestApp::builder()
        .setting("SESSION_IDLE_TIMEOUT", &TIMEOUT.to_string())
        .start()
}

async fn with_password(app: &TestApp) -> Visitor {
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    grace.log_in(EMAIL, PASSWORD).await;
    grace
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let app = app();
    let grace = with_password(&app).await;
    let cookies = grace.cookies("/");
    app.advance(TIMEOUT);
    let response = grace.get("/account").await;
    let log_in = response.headers()["location"].to_str().unwrap();
    assert_eq!(log_in, "/login?notice=session-ended&next=%2Faccount");
    let row = app.only_session();
    assert_eq!(row.revoked_at, Some(app.now()));
    // A copy of the cookie is refused too.
    let copy = grace.get_with_cookies("/", &cookies).await;
    assert!(!copy.text().await.unwrap().contains("Welcome, "));
}

#[tokio::test]
async fn a_session_through_workos_ends_too() {
    let app = app();
    let ada = app.signed_in("ada@example.com").await;
    app.advance(TIMEOUT);
    assert!(!ada.is_signed_in().await);
    assert!(app.only_session().revoked_at.is_some());
    assert_eq!(app.renewals(), 0, "WorkOS is not asked to renew it");
    // In the background, so that WorkOS asks for credentials at the next log-in.
    let ended = async || app.workos().count(REVOKE_AT_WORKOS) == 1;
    assert!(happens_soon(&app, ended).await);
}

#[tokio::test]
async fn a_session_in_use_lives_on() {
    let app = app();
    let grace = with_password(&app).await;
    let ada = app.signed_in("ada@example.com").await;
    for _ in 0..5 {
        app.advance(TIMEOUT * 9 / 10 - 1);
        assert!(grace.is_signed_in().await && ada.is_signed_in().await);
    }
}

/// The use is written once in a tenth of the time-out, and read no more often.
#[tokio::test]
async fn few_requests_write() {
    let app = app();
    let grace = with_password(&app).await;
    let seen = || app.only_session().last_seen_at;
    app.advance(TIMEOUT / 10 - 1);
    assert!(grace.is_signed_in().await);
    assert_eq!(seen(), None);
    app.advance(1);
    assert!(grace.is_signed_in().await);
    let first = app.now();
    assert_eq!(seen(), Some(first));
    for _ in 0..3 {
        app.advance(TIMEOUT / 40);
        assert!(grace.is_signed_in().await);
        assert_eq!(seen(), Some(first));
    }
    app.advance(TIMEOUT / 10);
    assert!(grace.is_signed_in().await);
    assert_eq!(seen(), Some(app.now()));
}

/// Two copies of one cookie: the one that is not used learns from the row that the other is.
#[tokio::test]
async fn another_tab_keeps_the_session_alive() {
    let app = app();
    let grace = with_password(&app).await;
    let cookies = grace.cookies("/");
    for _ in 0..3 {
        app.advance(TIMEOUT / 2);
        assert!(grace.is_signed_in().await);
    }
    let other = grace.get_with_cookies("/", &cookies).await;
    assert!(other.text().await.unwrap().contains("Welcome, "));
}

#[tokio::test]
async fn tokens_end_with_the_session() {
    let app = app();
    let grace = with_password(&app).await;
    let tokens = grace.post_json("/api/auth/session", &json!({})).await;
    app.advance(TIMEOUT);
    assert!(!grace.is_signed_in().await);
    let body = json!({ "refresh": tokens.text("refresh_token") });
    let request = app.visitor().request(Method::POST, "/api/token/refresh");
    assert_eq!(request.json(&body).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn without_the_setting_a_session_ends_with_its_lifetime_only() {
    let app = TestApp::start();
    let grace = with_password(&app).await;
    app.clock.advance(TimeDelta::days(13));
    assert!(grace.is_signed_in().await);
    assert_eq!(app.only_session().last_seen_at, None);
}

/// A page that calls the API with the cookie of an access token uses the session.
#[tokio::test]
async fn tokens_in_cookies_end_with_a_session_that_is_not_used() {
    let app = TestApp::builder()
        .setting("SESSION_IDLE_TIMEOUT", &TIMEOUT.to_string())
        .setting("AUTH_COOKIE_NAME", "access_token")
        .setting("ACCESS_TOKEN_LIFETIME", "100000")
        .start();
    let grace = with_password(&app).await;
    let answer = grace.post_json("/api/auth/session", &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    for _ in 0..3 {
        app.advance(TIMEOUT * 9 / 10 - 1);
        assert_eq!(grace.get_me().await.status, StatusCode::OK);
    }
    let before = app.now();
    assert_eq!(app.only_session().last_seen_at, Some(before));
    app.advance(TIMEOUT);
    assert_eq!(grace.get_me().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.only_session().revoked_at, Some(app.now()));
    assert_eq!(grace.cookie("/", "access_token"), None);
}
