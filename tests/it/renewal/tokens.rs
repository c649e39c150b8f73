//! The access token of a renewal is verified. A token that cannot be verified does not confirm the
//! session.

use authkit_emulator::Effect;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Visitor};

async fn at_expiry(builder: crate::support::app::TestAppBuilder) -> (TestApp, Visitor) {
    let app = builder.start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    (app, ada)
}

/// Whether the only session is confirmed by WorkOS.
fn is_confirmed(app: &TestApp) -> bool {
    let row = app.only_session();
    assert_eq!(row.revoked_at, None, "the session is open");
    let is_confirmed = row.confirmed_until.is_some_and(|until| until > app.now());
    assert_eq!(is_confirmed, row.renewal_failures == 0);
    is_confirmed
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    assert!(ada.is_signed_in().await);
    assert_eq!(app.key_set_requests(), 1);
    app.expire_workos_tokens();
    assert!(ada.is_signed_in().await);
    assert_eq!(app.key_set_requests(), 1, "keys are kept");
    for keep_old in [true, false] {
        app.workos().rotate_key(keep_old).unwrap();
        app.expire_workos_tokens();
        assert!(ada.is_signed_in().await);
        assert!(is_confirmed(&app));
    }
    assert_eq!(app.key_set_requests(), 3);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_a_minute() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    assert!(ada.is_signed_in().await);
    let mut reply = app.renew_at_workos(&app.only_session()).await;
    let header = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im1hZGUtdXAifQ";
    reply["access_token"] = with_part(&reply, 0, header);
    app.expire_workos_tokens();
    app.inject_fault(3, Effect::status(200, reply));
    for _ in 0..3 {
        app.advance(10);
        assert!(ada.is_signed_in().await);
        assert!(!is_confirmed(&app));
        app.advance(20);
    }
    assert_eq!(app.key_set_requests(), 3, "at the start, and once a minute");
}

#[tokio::test]
async fn a_forged_signature_does_not_confirm_the_session() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    let mut reply = app.renew_at_workos(&app.only_session()).await;
    let signature = reply["access_token"].as_str().unwrap().rsplit('.').next();
    let forged: String = signature.unwrap().chars().rev().collect();
    reply["access_token"] = with_part(&reply, 2, &forged);
    app.inject_fault(1, Effect::status(200, reply));
    assert!(ada.is_signed_in().await, "the grace period has begun");
    assert!(!is_confirmed(&app));
    app.advance(31);
    assert!(ada.is_signed_in().await);
    assert!(is_confirmed(&app), "the next refresh token was kept");
}

#[tokio::test]
async fn a_token_without_a_signature_does_not_confirm_the_session() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    let mut reply = app.renew_at_workos(&app.only_session()).await;
    // {"alg":"none"} and {"alg":"HS256"}
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
        reply["access_token"] = with_part(&reply, 0, header);
        app.inject_fault(1, Effect::status(200, reply.clone()));
        assert!(ada.is_signed_in().await);
        assert!(!is_confirmed(&app));
        app.advance(31);
    }
}

/// The response's access token with one part replaced: header, claims or signature.
fn with_part(reply: &Value, part: usize, text: &str) -> Value {
    let token = reply["access_token"].as_str().unwrap();
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[part] = text;
    parts.join(".").into()
}

#[tokio::test]
async fn a_token_of_another_issuer_does_not_confirm_the_session_and_is_logged() {
    crate::support::log::capture();
    let (app, ada) = at_expiry(TestApp::builder()).await;
    app.workos().set_issuer("https://elsewhere.example");
    assert!(ada.is_signed_in().await);
    assert!(!is_confirmed(&app));
    assert!(crate::support::log::has_line_with(
        "https://elsewhere.example",
        "WORKOS_JWT_ISSUERS"
    ));
    app.workos().set_issuer(&app.emulator.base_url());
    app.advance(31);
    assert!(ada.is_signed_in().await);
    assert!(is_confirmed(&app));
}

#[tokio::test]
async fn a_sign_in_with_a_token_of_another_issuer_logs_what_to_set() {
    crate::support::log::capture();
    let app = TestApp::start();
    let issuer = "https://unlisted.example/custom";
    app.workos().set_issuer(issuer);
    app.signed_in("ada@example.com").await;
    let set = format!(
        "set WORKOS_JWT_ISSUERS='{0},{0}/user_management/",
        app.emulator.base_url()
    );
    assert!(crate::support::log::has_line_with(issuer, &set));
}

#[tokio::test]
async fn the_allow_list_of_issuers_can_be_set() {
    let issuers = "https://one.example, https://two.example/";
    let builder = TestApp::builder().setting("WORKOS_JWT_ISSUERS", issuers);
    let (app, ada) = at_expiry(builder).await;
    for issuer in [
        "https://one.example",
        "https://one.example/",
        "https://two.example",
    ] {
        app.workos().set_issuer(issuer);
        assert!(ada.is_signed_in().await);
        assert!(is_confirmed(&app), "{issuer}");
        app.expire_workos_tokens();
    }
    app.workos().set_issuer(&app.emulator.base_url());
    ada.get("/account").await;
    assert!(!is_confirmed(&app));
}

#[tokio::test]
async fn an_unexpected_audience_is_accepted() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    app.workos().set_audience(Some("https://api.example.com"));
    assert!(ada.is_signed_in().await);
    assert!(is_confirmed(&app));
}

#[tokio::test]
async fn tokens_of_another_user_end_the_session() {
    let app = TestApp::start();
    app.signed_in("olive@example.com").await;
    let olive = app.renew_at_workos(&app.only_session()).await;
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    app.inject_fault(1, Effect::status(200, olive));
    let page = ada.page("/").await;
    assert!(!page.contains("Welcome, "), "neither Ada nor Olive");
    let id = app.user("ada@example.com").id;
    let rows = app.sessions();
    let row = rows.iter().find(|row| row.user_id == id).unwrap();
    assert!(row.revoked_at.is_some());
}

#[tokio::test]
async fn a_new_sid_is_stored_and_the_tokens_are_moved_to_it() {
    let (app, ada) = at_expiry(TestApp::builder()).await;
    let given = ada.post_json("/api/auth/session", &json!({})).await;
    let refresh = json!({ "refresh": given.text("refresh_token") });
    // WorkOS's own emulator does so at each renewal. This test uses the `sid` of Ada's next session.
    let old = app.only_session();
    let other = app.signed_in("ada@example.com").await;
    let rows = app.sessions();
    let row = rows.iter().find(|row| row.id != old.id).unwrap();
    let reply = app.renew_at_workos(row).await;
    other.post("/auth/logout").await;
    app.expire_workos_tokens();
    app.inject_fault(1, Effect::status(200, reply));
    assert!(ada.is_signed_in().await);
    let rows = app.sessions();
    let renewed = rows.iter().find(|row| row.id == old.id).unwrap();
    assert_ne!(renewed.workos_sid, old.workos_sid);
    assert!(
        app.refresh_token_rows()
            .iter()
            .all(|token| token.sid == renewed.workos_sid)
    );
    ada.post("/auth/logout").await;
    let answer = app
        .visitor()
        .post_json("/api/token/refresh", &refresh)
        .await;
    assert_eq!(answer.json["detail"], "Token is blacklisted");
}
