//! The events of log-outs and revocations.

use authkit_emulator::Effect;
use chrono::TimeDelta;
use serde_json::json;

use super::{detail, names, only};
use crate::account_sessions::{ADA, sign_out_everywhere, sign_out_there};
use crate::support::app::TestApp;
use crate::webhooks::{SECRET, send_event};

#[tokio::test]
async fn a_log_out_is_recorded_once() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let cookies = ada.cookies("/");
    ada.post("/auth/logout").await;
    let signed_out = only(&app, "signed_out");
    assert_eq!(signed_out.session_id, Some(app.only_session().id));
    assert_eq!(signed_out.user_id, Some(app.user(ADA).id));
    assert_eq!(signed_out.address.as_deref(), Some("127.0.0.1"));
    assert!(signed_out.request_id.is_some());
    // The cookie of the ended session ends nothing more.
    ada.get_with_cookies("/auth/logout", &cookies).await;
    only(&app, "signed_out");
}

#[tokio::test]
async fn a_log_out_through_the_api_is_recorded() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    ada.post_json("/api/auth/logout", &json!({})).await;
    assert_eq!(
        only(&app, "signed_out").session_id,
        Some(app.only_session().id)
    );
}

#[tokio::test]
async fn ending_another_session_is_recorded_with_the_session_that_ended() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let other = app.only_session().id;
    let here = app.signed_in(ADA).await;
    sign_out_there(&here, &other).await;
    let revoked = only(&app, "session_revoked");
    assert_eq!(revoked.session_id, Some(other));
    assert_eq!(detail(&revoked), json!({ "reason": "ended_by_user" }));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn signing_out_everywhere_is_one_event() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let here = app.signed_in(ADA).await;
    sign_out_everywhere(&here).await;
    let all = only(&app, "sessions_revoked");
    assert_eq!(all.user_id, Some(app.user(ADA).id));
    let expected = json!({ "reason": "signed_out_everywhere", "ended_sessions": 2 });
    assert_eq!(detail(&all), expected);
    let expected = [
        "account_created",
        "signed_in",
        "signed_in",
        "sessions_revoked",
    ];
    assert_eq!(names(&app), expected);
}

#[tokio::test]
async fn a_session_that_workos_revokes_is_recorded() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    app.signed_in(ADA).await;
    let session = app.only_session();
    let sid = session.workos_sid.as_ref().unwrap().to_string();
    send_event(&app, "event_1", "session.revoked", json!({ "id": sid })).await;
    let revoked = only(&app, "session_revoked");
    assert_eq!(revoked.session_id, Some(session.id));
    assert_eq!(detail(&revoked), json!({ "reason": "revoked_at_workos" }));
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_is_recorded() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.inject_fault(1, Effect::status(400, json!({ "error": "invalid_grant" })));
    app.clock.advance(TimeDelta::minutes(10));
    assert!(!ada.is_signed_in().await);
    let revoked = only(&app, "session_revoked");
    assert_eq!(revoked.session_id, Some(app.only_session().id));
    assert_eq!(detail(&revoked), json!({ "reason": "not_renewed" }));
}

#[tokio::test]
async fn a_blacklisted_token_is_recorded_with_its_family() {
    let app = TestApp::start();
    let user = app.add_user_with_password("grace@example.com", "a made-up passphrase");
    let body = json!({ "email": "grace@example.com", "password": "a made-up passphrase" });
    let visitor = app.visitor();
    let pair = visitor.post_json("/api/token", &body).await;
    let refresh = json!({ "refresh": pair.text("refresh") });
    for _ in 0..2 {
        visitor.post_json("/api/token/blacklist", &refresh).await;
    }
    let revoked = only(&app, "tokens_revoked");
    assert_eq!(revoked.user_id, Some(user.id));
    assert_eq!(revoked.address.as_deref(), Some("127.0.0.1"));
    assert!(detail(&revoked)["family"].is_string());
}

/// The account may no longer sign in with a password: its tokens and its session end at their next use.
#[tokio::test]
async fn a_method_that_is_no_longer_allowed_is_recorded() {
    let app = TestApp::start();
    let (email, password) = ("grace@example.com", "a made-up passphrase");
    let user = app.add_user_with_password(email, password);
    let grace = app.visitor();
    grace.log_in(email, password).await;
    let body = json!({ "email": email, "password": password });
    let pair = app.visitor().post_json("/api/token", &body).await;
    app.link_to_workos(user.id, "user_grace");
    let refresh = json!({ "refresh": pair.text("refresh") });
    for _ in 0..2 {
        let visitor = app.visitor();
        visitor.post_json("/api/token/refresh", &refresh).await;
    }
    let tokens = only(&app, "tokens_revoked");
    assert_eq!(tokens.user_id, Some(user.id));
    assert_eq!(tokens.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(detail(&tokens)["reason"], "not_renewed");
    app.advance(301);
    for _ in 0..2 {
        assert!(!grace.is_signed_in().await);
    }
    let session = only(&app, "session_revoked");
    assert_eq!(session.session_id, Some(app.only_session().id));
    assert!(session.request_id.is_some());
    assert_eq!(detail(&session), json!({ "reason": "not_renewed" }));
}
