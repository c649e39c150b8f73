//! An address that becomes verified: everything that was given out before ends.

use authkit_emulator::Impersonator;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Visitor};
use crate::support::exchange::{WORKOS, code_for, me, post, signed_in};
use crate::support::readings::happens_soon;
use crate::webhooks::{SECRET, send_event};

const ADA: &str = "ada@example.com";

/// The emulator, like WorkOS, signs in an unverified user only by impersonation.
fn set_verified(app: &TestApp, verified: bool) {
    let mut ada = app.workos().user(ADA).unwrap();
    ada.email_verified = verified;
    ada.impersonator = (!verified).then(|| Impersonator {
        email: "support@example.com".to_owned(),
        reason: None,
    });
    ada.updated_at += 1_000;
    app.workos().put_user(ada);
}

/// Somebody has registered Ada's address without proving it, and has a session and tokens.
struct Registered {
    app: TestApp,
    squatter: Visitor,
    tokens: Value,
}

async fn registered() -> Registered {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    set_verified(&app, false);
    let squatter = app.signed_in(ADA).await;
    let code = code_for(&app, ADA).await;
    let tokens = signed_in(post(&app, WORKOS, &json!({ "code": code })).await).await;
    assert!(!app.user(ADA).email_verified);
    Registered {
        app,
        squatter,
        tokens,
    }
}

impl Registered {
    /// Asserts that what was given out before has ended. Replicas learn of it within two seconds.
    async fn assert_revoked(&self, case: &str) {
        let Self {
            app,
            squatter,
            tokens,
        } = self;
        let user = app.user(ADA);
        assert!(
            user.email_verified && user.password.starts_with('!'),
            "{case}"
        );
        let cookies = squatter.cookies("/");
        let ended = async || {
            let page = app.visitor().get_with_cookies("/account", &cookies).await;
            page.status() == StatusCode::FOUND
        };
        assert!(happens_soon(app, ended).await, "{case}: the session");
        let access = me(app, &tokens["access_token"]).await;
        assert_eq!(access.status(), StatusCode::UNAUTHORIZED, "{case}");
        let body = json!({ "refresh": tokens["refresh_token"] });
        let refresh = post(app, "/api/token/refresh", &body).await;
        assert_eq!(refresh.status(), StatusCode::UNAUTHORIZED, "{case}");
    }
}

#[tokio::test]
async fn a_sign_in_ends_everything_but_its_own_session() {
    let registered = registered().await;
    set_verified(&registered.app, true);
    let owner = registered.app.signed_in(ADA).await;
    registered.assert_revoked("sign-in").await;
    assert!(owner.is_signed_in().await);
}

#[tokio::test]
async fn an_exchange_ends_everything_but_its_own_tokens() {
    let registered = registered().await;
    let app = &registered.app;
    set_verified(app, true);
    let code = code_for(app, ADA).await;
    let own = signed_in(post(app, WORKOS, &json!({ "code": code })).await).await;
    registered.assert_revoked("exchange").await;
    let access = me(app, &own["access_token"]).await;
    assert_eq!(access.status(), StatusCode::OK);
}

/// The session that is renewed began before the address was verified.
#[tokio::test]
async fn a_renewal_ends_the_session_too() {
    let registered = registered().await;
    set_verified(&registered.app, true);
    registered.app.expire_workos_tokens();
    let page = registered.squatter.get("/account").await;
    assert_eq!(page.status(), StatusCode::FOUND);
    registered.assert_revoked("renewal").await;
}

#[tokio::test]
async fn an_event_ends_the_sessions_at_once() {
    let registered = registered().await;
    let app = &registered.app;
    set_verified(app, true);
    let user = app.workos().user(ADA).unwrap();
    let at = chrono::DateTime::from_timestamp_millis(user.updated_at).unwrap();
    let data = json!({
        "object": "user",
        "id": user.id,
        "email": user.email,
        "email_verified": true,
        "created_at": at.to_rfc3339(),
        "updated_at": at.to_rfc3339(),
    });
    send_event(app, "event_1", "user.updated", data).await;
    assert!(!registered.squatter.is_signed_in().await, "at once");
    registered.assert_revoked("event").await;
}
