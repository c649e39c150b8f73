//! A callback that is loaded twice. The browser shows the second response.

use authkit_emulator::{Effect, Fault};
use reqwest::StatusCode;

use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::renewal::eventually;
use crate::support::steps::{AUTHENTICATE, obtain_callback_url};

/// A browser that dropped the callback's request while WorkOS was being asked.
async fn disconnect_during_callback(app: &TestApp, email: &str) -> (Visitor, String) {
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, email).await.to_string();
    let slow = Effect::Delay {
        milliseconds: 1_000,
    };
    app.workos().inject(Fault::once(AUTHENTICATE, slow));
    let first = {
        let (visitor, callback) = (visitor.clone(), callback.clone());
        tokio::spawn(async move { visitor.get(&callback).await })
    };
    eventually(|| app.workos().count(AUTHENTICATE) == 1).await;
    first.abort();
    (visitor, callback)
}

#[tokio::test]
async fn a_reload_during_the_exchange_signs_in() {
    let app = TestApp::start();
    let (ada, callback) = disconnect_during_callback(&app, "ada@example.com").await;
    let response = ada.get(&callback).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.workos().count(AUTHENTICATE), 1, "a code is shown once");
    assert_eq!(app.sessions().len(), 1);
    let again = ada.get(&callback).await;
    assert_eq!(
        again.status(),
        StatusCode::BAD_REQUEST,
        "its cookie has gone"
    );
}

#[tokio::test]
async fn a_reload_during_the_exchange_shows_the_step_too() {
    let app = TestApp::start();
    let (una, callback) = disconnect_during_callback(&app, "una@example.com").await;
    let step = location(&una.get(&callback).await);
    una.submit(&step, &[("code", "123456")]).await;
    assert!(una.is_signed_in().await);
}

#[tokio::test]
async fn a_code_that_is_sent_again_later_is_refused() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let kept = ada.cookies("/auth/callback");
    ada.get(callback.as_str()).await;
    let again = ada.get_with_cookies(callback.as_str(), &kept).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(
        set_cookies(&again)
            .iter()
            .all(|line| !line.starts_with("sessionid="))
    );
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
