//! Failures of WorkOS during a sign-in: which error page is shown, that nobody is signed in, and that
//! the next attempt works.

mod requests;

use authkit_emulator::{Effect, Fault, RecordedRequest};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{TestApp, Visitor};
use crate::support::log;
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, assert_signs_in, error_page, login_with_next,
    retry_after, set_cookie,
};

/// A sign-in whose code exchange has this fault.
async fn sign_in_with_fault(app: &TestApp, ada: &Visitor, effect: Effect) -> Response {
    app.workos().inject(Fault::once(AUTHENTICATE, effect));
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert!(app.workos().faults().is_empty(), "the fault was injected");
    response
}

fn exchanges(app: &TestApp) -> Vec<RecordedRequest> {
    let mut all = app.workos().requests();
    all.retain(|request| request.path == AUTHENTICATE);
    all
}

/// Asserts that nobody was signed in, that the code was sent once, and that trying again works.
async fn assert_harmless(app: &TestApp, ada: &Visitor) {
    assert_nobody_signed_in(app, ada).await;
    assert_eq!(exchanges(app).len(), 1, "the code is sent exactly once");
    assert_signs_in(ada, "ada@example.com").await;
}

async fn assert_refused(effect: Effect, status: StatusCode, says: &str) {
    let app = TestApp::start();
    let ada = app.visitor();
    let response = sign_in_with_fault(&app, &ada, effect).await;
    assert_eq!(set_cookie(&response, "sessionid"), None);
    assert_eq!(retry_after(response.headers()), None);
    let page = error_page(response, status).await;
    assert!(page.contains(says), "{says}: {page}");
    assert!(page.contains(r#"next=%2Faccount""#), "{page}");
    assert!(!page.contains("for developers"), "{page}");
    assert_harmless(&app, &ada).await;
}

async fn assert_unavailable(effect: Effect, seconds: u64) {
    let app = TestApp::start();
    let ada = app.visitor();
    let response = sign_in_with_fault(&app, &ada, effect).await;
    assert_eq!(set_cookie(&response, "sessionid"), None);
    assert_eq!(retry_after(response.headers()), Some(seconds));
    let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains("Please try again in a moment"), "{page}");
    assert!(
        page.contains(r#"href="/auth/login?next=%2Faccount""#),
        "{page}"
    );
    assert_harmless(&app, &ada).await;
}

#[tokio::test]
async fn a_refused_code_is_a_400() {
    let body = json!({ "error": "invalid_grant", "error_description": "for developers" });
    let says = "used already or has expired";
    assert_refused(Effect::status(400, body), StatusCode::BAD_REQUEST, says).await;
}

#[tokio::test]
async fn every_format_of_a_refusal_keeps_its_code() {
    for (status, body, says) in [
        (
            400,
            json!({ "code": "sign_up_not_allowed", "message": "for developers" }),
            "You need an invitation to sign up here.",
        ),
        (
            400,
            json!({ "code": "invitation_invalid", "message": "for developers" }),
            "This invitation was used or withdrawn, or it has expired. Please ask for a new one.",
        ),
        (
            400,
            json!({ "error": "invitation_cannot_be_used_for_email" }),
            "This invitation is for another email address.",
        ),
        (
            400,
            json!({ "error": "user_mismatch", "error_description": "for developers" }),
            "(user_mismatch)",
        ),
        (422, json!({ "message": "for developers" }), "(http_422)"),
        (
            404,
            Value::String("<html>for developers".into()),
            "(http_404)",
        ),
    ] {
        let effect = Effect::status(status, body);
        assert_refused(effect, StatusCode::BAD_REQUEST, says).await;
    }
}

#[tokio::test]
async fn a_forbidden_sign_in_is_a_403() {
    let body = json!({ "code": "made_up_refusal", "message": "for developers" });
    let says = "(made_up_refusal)";
    assert_refused(Effect::status(403, body), StatusCode::FORBIDDEN, says).await;
}

#[tokio::test]
async fn a_hostile_error_code_is_not_shown() {
    let body = json!({ "code": "<script>alert(1)</script>", "message": "for developers" });
    let says = "The sign-in service refused it (http_400).";
    assert_refused(Effect::status(400, body), StatusCode::BAD_REQUEST, says).await;
}

#[tokio::test]
async fn a_refused_api_key_is_a_503_that_is_logged_and_the_code_stays_valid() {
    log::capture();
    for (status, code) in [
        (401, "made_up_of_the_wrong_key"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
    ] {
        let app = TestApp::start();
        let ada = app.visitor();
        let body = json!({ "error": code, "error_description": "for developers" });
        let refused = Effect::status(status, body);
        app.workos().inject(Fault::once(AUTHENTICATE, refused));
        let authorize = ada.start_login(&login_with_next("/account")).await;
        let callback = ada.authorize(&authorize, "ada@example.com").await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(retry_after(response.headers()), Some(5));
        let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
        assert!(page.contains("Sign-in is not set up correctly"), "{page}");
        assert!(!page.to_lowercase().contains("try again"), "{page}");
        assert!(
            page.contains(r#"href="/login?next=%2Faccount">Log in with a password</a>"#),
            "{page}"
        );
        assert!(!page.contains("for developers"), "{page}");
        assert!(log::has_line_with(
            &format!("ERROR a sign-in failed: WorkOS refused with {status} {code}"),
            "vestibule check --online"
        ));
        assert_nobody_signed_in(&app, &ada).await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "a reload completes the sign-in"
        );
        assert!(ada.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_busy_workos_is_a_503_with_its_retry_after() {
    let busy = |wait: Option<&str>| Effect::Status {
        status: 429,
        body: json!({ "message": "for developers" }),
        retry_after: wait.map(str::to_owned),
    };
    assert_unavailable(busy(Some("17")), 17).await;
    assert_unavailable(busy(Some("0")), 1).await;
    assert_unavailable(busy(Some("Wed, 21 Oct 2026 07:28:00 GMT")), 5).await;
    assert_unavailable(busy(None), 5).await;
}

#[tokio::test]
async fn a_broken_workos_is_a_503() {
    for status in [500, 502, 503, 504, 408] {
        assert_unavailable(Effect::status(status, json!({})), 5).await;
    }
    let html = Value::String("<html>Bad gateway".into());
    assert_unavailable(Effect::status(502, html), 5).await;
}

#[tokio::test]
async fn a_lost_response_is_a_503() {
    assert_unavailable(Effect::DropReply, 5).await;
}

#[tokio::test]
async fn an_incomplete_response_is_a_503() {
    assert_unavailable(Effect::HalfBody, 5).await;
}

#[tokio::test]
async fn an_unreadable_response_is_a_503() {
    for body in [
        json!({}),
        json!([1, 2]),
        Value::String("<html>Welcome to the hotel's network".into()),
        json!({ "user": { "id": "user_1" }, "access_token": "a.b.c", "refresh_token": "r" }),
    ] {
        assert_unavailable(Effect::status(200, body), 5).await;
    }
}

#[tokio::test]
async fn a_missing_response_is_a_503_within_the_timeout() {
    let begun = std::time::Instant::now();
    assert_unavailable(Effect::NoAnswer, 5).await;
    let waited = begun.elapsed().as_secs();
    assert!((10..20).contains(&waited), "{waited} seconds");
}

#[tokio::test]
async fn a_slow_response_is_waited_for() {
    let app = TestApp::start();
    let ada = app.visitor();
    let slow = Effect::Delay {
        milliseconds: 1_500,
    };
    let response = sign_in_with_fault(&app, &ada, slow).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(exchanges(&app).len(), 1);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_callback_works_after_a_failure_that_did_not_consume_the_code() {
    let app = TestApp::start();
    let ada = app.visitor();
    let broken = Effect::status(503, json!({}));
    app.workos().inject(Fault::once(AUTHENTICATE, broken));
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn an_unreachable_workos_is_a_503_and_sessions_continue() {
    let app = TestApp::start();
    let ada = app.signed_in("olive@example.com").await;
    let late = app.visitor();
    let authorize = late.start_login("/auth/login").await;
    let callback = late.authorize(&authorize, "ada@example.com").await;
    app.emulator.stop(true).await;
    let response = late.get(callback.as_str()).await;
    assert_eq!(retry_after(response.headers()), Some(5));
    error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(!late.is_signed_in().await);
    assert_eq!(app.sessions().len(), 1);
    assert!(ada.page("/").await.contains("Welcome, olive@example.com!"));
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    assert_eq!(ada.get("/readyz").await.status(), StatusCode::OK);
}
