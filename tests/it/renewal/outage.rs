//! Outages of WorkOS: the session stays valid for a grace period.

use authkit_emulator::{Effect, Fault};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::renewal::{KEY_SET, assert_all_ok, at_once, eventually};
use crate::support::steps::{AUTHENTICATE, LOG_OUT_LINK, error_page, retry_after};

#[tokio::test]
async fn every_transient_failure_keeps_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let broken = || {
        let statuses = [408, 429, 500, 502, 503, 504, 302];
        let answers = statuses.map(|status| Effect::status(status, json!({ "code": "busy" })));
        let senseless = Effect::status(200, json!("<html>Welcome to the hotel's network"));
        let proxy = Effect::status(407, json!({}));
        answers.into_iter().chain([senseless, proxy])
    };
    for (failures, effect) in broken().enumerate() {
        app.advance(400);
        app.inject_fault(1, effect.clone());
        assert!(ada.is_signed_in().await, "{effect:?}");
        let row = app.only_session();
        assert_eq!(row.renewal_failures, 1, "{effect:?}");
        assert_eq!(row.revoked_at, None, "{effect:?}");
        assert_eq!(
            app.renewals(),
            2 * failures + 1,
            "no second try at once: {effect:?}"
        );
        app.advance(31);
        assert!(ada.is_signed_in().await);
        assert_eq!(app.only_session().renewal_failures, 0);
    }
}

/// A firewall refuses the renewal, and its repetition without the data of the client.
#[tokio::test]
async fn a_refusal_by_a_firewall_keeps_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.inject_fault(
        2,
        Effect::status(403, json!("<html>Blocked by the firewall")),
    );
    assert!(ada.is_signed_in().await);
    let row = app.only_session();
    assert_eq!((app.renewals(), row.renewal_failures), (2, 1));
    assert_eq!(row.revoked_at, None);
    app.advance(31);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.only_session().renewal_failures, 0);
}

#[tokio::test]
async fn a_missing_or_incomplete_response_is_requested_again() {
    for effect in [Effect::DropReply, Effect::HalfBody] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        app.expire_workos_tokens();
        app.inject_fault(2, effect);
        assert!(ada.is_signed_in().await);
        assert_eq!(app.renewals(), 3);
        assert_eq!(app.only_session().renewal_failures, 0);
    }
}

#[tokio::test]
async fn a_lost_response_is_requested_again_without_a_browser_request() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.inject_fault(3, Effect::DropReply);
    assert!(ada.is_signed_in().await);
    // No request waits long for WorkOS.
    eventually(|| app.only_session().renewal_failures == 1).await;
    assert_eq!(app.renewals(), 3);
    app.advance(3);
    eventually(|| app.only_session().renewal_failures == 0).await;
    // WorkOS no longer repeats the response.
    app.advance(60);
    app.expire_workos_tokens();
    assert!(ada.is_signed_in().await);
    eventually(|| app.renewals() == 5).await;
}

#[tokio::test]
async fn a_response_lost_after_many_failures_is_requested_while_workos_repeats_it() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.inject_fault(6, Effect::status(503, json!({})));
    for _ in 0..6 {
        assert!(ada.is_signed_in().await);
        app.advance(31);
    }
    // This is a probe, which is sent once.
    app.inject_fault(1, Effect::DropReply);
    assert!(ada.is_signed_in().await);
    assert_eq!(
        (app.renewals(), app.only_session().renewal_failures),
        (7, 7)
    );
    app.advance(9);
    assert!(ada.is_signed_in().await);
    eventually(|| app.only_session().renewal_failures == 0).await;
}

#[tokio::test]
async fn a_long_retry_after_does_not_extend_the_grace_period() {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "60")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: Some("3600".to_owned()),
    };
    app.inject_fault(2, busy);
    assert!(ada.is_signed_in().await);
    app.advance(61);
    let response = ada.get("/account").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.renewals(), 2);
}

#[tokio::test]
async fn retry_after_is_respected() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: Some("20".to_owned()),
    };
    app.inject_fault(1, busy);
    assert!(ada.is_signed_in().await);
    app.advance(19);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.renewals(), 1);
    app.advance(9);
    assert!(ada.is_signed_in().await);
    eventually(|| app.only_session().renewal_failures == 0).await;
    assert_eq!(app.renewals(), 2);
}

#[tokio::test]
async fn after_the_grace_period_requests_fail_without_a_log_out() {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "600")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.make_workos_unavailable();
    assert!(ada.is_signed_in().await);
    app.advance(500);
    assert!(ada.is_signed_in().await);
    app.advance(400);
    let cookies = ada.cookies("/");
    let response = ada.get("/account").await;
    assert!((1..=30).contains(&retry_after(response.headers()).unwrap()));
    let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains("The sign-in service is not responding"));
    assert!(page.contains(LOG_OUT_LINK), "{page}");
    let me = ada.get_me().await;
    assert_eq!(me.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(retry_after(&me.headers).is_some());
    assert_eq!(ada.cookies("/"), cookies, "nothing was taken away");
    app.restore_workos();
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn signing_out_and_passwords_work_during_an_outage_of_workos() {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "0")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.make_workos_unavailable();
    let response = ada.get("/account").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ada.get("/login").await.status(), StatusCode::OK);
    let response = ada.post("/auth/logout").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(app.only_session().revoked_at.is_some());
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn an_api_key_that_workos_refuses_logs_nobody_out() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let body = json!({ "error": "invalid_client", "error_description": "for developers" });
    app.inject_fault(1, Effect::status(401, body));
    assert!(ada.is_signed_in().await);
    app.advance(31);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.only_session().renewal_failures, 0);
}

#[tokio::test]
async fn an_unavailable_key_set_is_an_outage() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let before = app.workos_refresh_token(&app.only_session());
    app.expire_workos_tokens();
    let away = Effect::status(503, json!({}));
    app.workos()
        .inject(Fault::once(KEY_SET, away).times(u32::MAX));
    assert!(ada.is_signed_in().await);
    let row = app.only_session();
    assert_eq!(row.renewal_failures, 1);
    assert!(
        row.confirmed_until.unwrap() < app.now(),
        "the session is not confirmed"
    );
    assert_ne!(
        app.workos_refresh_token(&row),
        before,
        "the old one is used up"
    );
    // Longer than WorkOS repeats the lost response.
    app.advance(120);
    assert!(ada.is_signed_in().await);
    app.restore_workos();
    assert!(ada.is_signed_in().await);
    let row = app.only_session();
    assert_eq!((row.renewal_failures, row.revoked_at), (0, None));
    assert!(row.confirmed_until.unwrap() > app.now());
}

#[tokio::test]
async fn each_session_backs_off_separately() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await.cookies("/");
    let olive = app.signed_in("olive@example.com").await.cookies("/");
    app.expire_workos_tokens();
    app.inject_fault(1, Effect::status(500, json!({})));
    assert_all_ok(&at_once(&[&app], "/account", &ada, 5).await);
    assert_all_ok(&at_once(&[&app], "/account", &olive, 5).await);
    let failures: i32 = app.sessions().iter().map(|row| row.renewal_failures).sum();
    assert_eq!((failures, app.renewals()), (1, 2));
    assert_eq!(app.workos().count(AUTHENTICATE), 4);
}
