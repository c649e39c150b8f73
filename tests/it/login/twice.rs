//! A callback that is loaded twice. The browser shows the second response.

use authkit_emulator::{Effect, Fault};
use aws_lc_rs::digest::{SHA256, digest};
use reqwest::{Response, StatusCode};

use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::log::{capture, count_lines, open_when};
use crate::support::steps::{AUTHENTICATE, obtain_callback_url};

/// Loads the callback of this user, drops the request while WorkOS is being asked, and loads the
/// callback again before WorkOS answers. Returns the browser, the callback and the second response.
async fn reload_during_exchange(app: &TestApp, email: &str) -> (Visitor, String, Response) {
    capture();
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, email).await;
    let (_, state) = callback
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let attempt = digest(&SHA256, state.as_bytes());
    let attempt: String = attempt
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let callback = callback.to_string();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let first = {
        let (visitor, callback) = (visitor.clone(), callback.clone());
        tokio::spawn(async move { visitor.get(&callback).await })
    };
    gate.reached().await.unwrap();
    first.abort();
    let waits = format!("a callback of the sign-in attempt {attempt} waits for another");
    let response = open_when(&gate, || count_lines(&waits) > 0, visitor.get(&callback)).await;
    (visitor, callback, response)
}

#[tokio::test]
async fn a_reload_during_the_exchange_signs_in() {
    let app = TestApp::start();
    let (ada, callback, response) = reload_during_exchange(&app, "ada@example.com").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.workos().count(AUTHENTICATE), 1, "a code is sent once");
    assert_eq!(app.sessions().len(), 1);
    let again = ada.get(&callback).await;
    assert_eq!(
        again.status(),
        StatusCode::BAD_REQUEST,
        "the cookie of the attempt has been removed"
    );
}

#[tokio::test]
async fn a_reload_during_the_exchange_shows_the_step_too() {
    let app = TestApp::start();
    let (una, _, response) = reload_during_exchange(&app, "una@example.com").await;
    let step = location(&response);
    una.submit(&step, &[("code", "123456")]).await;
    assert!(una.is_signed_in().await);
}

/// Completes a sign-in whose response does not reach the browser. Returns the browser, the callback, and the
/// cookies that it has.
async fn lose_response(app: &TestApp, email: &str) -> (Visitor, String, String) {
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, email).await.to_string();
    let cookies = visitor.cookies("/auth/callback");
    let lost = app.visitor().get_with_cookies(&callback, &cookies).await;
    assert_eq!(lost.status(), StatusCode::FOUND);
    (visitor, callback, cookies)
}

fn sets_session(response: &Response) -> bool {
    let cookies = set_cookies(response);
    cookies.iter().any(|line| line.starts_with("sessionid="))
}

#[tokio::test]
async fn after_a_lost_response_a_reload_gets_the_session() {
    let app = TestApp::start();
    let (ada, callback, _) = lose_response(&app, "ada@example.com").await;
    let response = ada.get(&callback).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.page("/account").await.contains("ada@example.com"));
    app.only_session();
}

/// The process of the first request may have been killed after its commit.
#[tokio::test]
async fn another_replica_answers_the_reload_with_the_same_session() {
    let app = TestApp::start();
    let (_, callback, cookies) = lose_response(&app, "ada@example.com").await;
    let replica = app.replica().start();
    let target = &callback[callback.find("/auth/callback").unwrap()..];
    let response = replica.visitor().get_with_cookies(target, &cookies).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(sets_session(&response));
    app.only_session();
}

#[tokio::test]
async fn an_impersonated_session_is_still_marked_after_a_reload() {
    let app = TestApp::start();
    let (imogen, callback, _) = lose_response(&app, "imogen@example.com").await;
    imogen.get(&callback).await;
    let page = imogen.page("/account").await;
    assert!(page.contains("support@example.com"), "{page}");
}

#[tokio::test]
async fn a_callback_that_is_sent_again_does_not_revive_a_session() {
    let app = TestApp::start();
    let (ada, callback, cookies) = lose_response(&app, "ada@example.com").await;
    ada.get(&callback).await;
    ada.post("/auth/logout").await;
    let again = app.visitor().get_with_cookies(&callback, &cookies).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(!sets_session(&again));
}

#[tokio::test]
async fn a_callback_that_is_sent_again_much_later_is_refused() {
    let app = TestApp::start();
    let (_, callback, cookies) = lose_response(&app, "ada@example.com").await;
    app.clock.advance(chrono::TimeDelta::minutes(5));
    let again = app.visitor().get_with_cookies(&callback, &cookies).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(!sets_session(&again));
}

#[tokio::test]
async fn a_callback_that_is_sent_again_does_not_replace_a_newer_session() {
    let app = TestApp::start();
    let (browser, callback, _) = lose_response(&app, "ada@example.com").await;
    let kept = browser.cookies("/auth/callback");
    browser.sign_in("olive@example.com").await;
    let session = browser.cookie("/", "sessionid").unwrap();
    let cookies = format!("{kept}; sessionid={session}");
    let again = app.visitor().get_with_cookies(&callback, &cookies).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(!sets_session(&again));
}

#[tokio::test]
async fn a_failed_request_does_not_block_its_reload() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let away = Effect::status(503, serde_json::json!({}));
    app.workos().inject(Fault::once(AUTHENTICATE, away));
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    ada.get(callback.as_str()).await;
    assert!(ada.is_signed_in().await);
}
