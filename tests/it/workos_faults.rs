//! WorkOS failing in every way it can: the right page, nobody signed in, and then all is well.

use std::time::Duration;

use authkit_emulator::{Effect, Fault, RecordedRequest};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use vestibule::workos::WorkosClient;

use crate::support::app::{TestApp, Visitor};
use crate::support::forwarder::Forwarder;
use crate::support::log;
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, assert_signs_in, error_page, login_with_next,
    obtain_callback_url, retry_after, set_cookie,
};

/// One sign-in whose exchange meets `effect`.
async fn sign_in_meeting(app: &TestApp, ada: &Visitor, effect: Effect) -> Response {
    app.workos().inject(Fault::once(AUTHENTICATE, effect));
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert!(app.workos().faults().is_empty(), "the fault has struck");
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
    let response = sign_in_meeting(&app, &ada, effect).await;
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
    let response = sign_in_meeting(&app, &ada, effect).await;
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
async fn every_shape_of_a_refusal_keeps_its_code() {
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
    let body = json!({ "code": "application_consent_required", "message": "for developers" });
    let says = "(application_consent_required)";
    assert_refused(Effect::status(403, body), StatusCode::FORBIDDEN, says).await;
}

#[tokio::test]
async fn a_hostile_code_of_a_refusal_is_not_passed_on() {
    let body = json!({ "code": "<script>alert(1)</script>", "message": "for developers" });
    let says = "The sign-in service refused it (http_400).";
    assert_refused(Effect::status(400, body), StatusCode::BAD_REQUEST, says).await;
}

#[tokio::test]
async fn a_wrong_key_of_ours_is_a_503_that_the_log_cries_about_and_the_code_stays_good() {
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
        assert_eq!(response.status(), StatusCode::FOUND, "a reload finishes it");
        assert!(ada.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_busy_workos_is_a_503_that_passes_its_wish_to_wait_on() {
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
async fn a_lost_answer_is_a_503() {
    assert_unavailable(Effect::DropReply, 5).await;
}

#[tokio::test]
async fn half_an_answer_is_a_503() {
    assert_unavailable(Effect::HalfBody, 5).await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_a_503() {
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
async fn no_answer_at_all_is_a_503_within_the_timeout() {
    let begun = std::time::Instant::now();
    assert_unavailable(Effect::NoAnswer, 5).await;
    let waited = begun.elapsed().as_secs();
    assert!((10..20).contains(&waited), "{waited} seconds");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let app = TestApp::start();
    let ada = app.visitor();
    let slow = Effect::Delay {
        milliseconds: 1_500,
    };
    let response = sign_in_meeting(&app, &ada, slow).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(exchanges(&app).len(), 1);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn the_same_callback_works_after_a_refusal_that_did_not_use_the_code() {
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
async fn a_workos_that_is_not_there_is_a_503_and_home_goes_on() {
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

#[tokio::test]
async fn a_request_that_never_left_is_sent_again() {
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
        assert!(!answer.is_finished(), "there is a second try");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    forwarder.restore();
    assert_eq!(answer.await.unwrap(), StatusCode::FOUND);
    assert_eq!(exchanges(&workos).len(), 1);
    assert_eq!(app.sessions().len(), 1);
}

#[tokio::test]
async fn the_exchange_names_us_and_carries_what_workos_wants() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    app.signed_in("ada@example.com").await;
    let sent = exchanges(&app);
    assert_eq!(sent.len(), 2);
    let header = |at: usize, name: &str| sent[at].headers[name].as_str();
    let name = format!("vestibule/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(header(0, "user-agent"), name);
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
async fn what_is_safe_to_repeat_is_asked_again_under_one_key() {
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
    assert_eq!(keys.len(), 3, "two failures and the answer");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}
