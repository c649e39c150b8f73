//! A sign-in without WorkOS goes on only while its method is allowed for the account.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};

const EMAIL: &str = "lena@example.com";
const REFRESH: &str = "/api/token/refresh";

async fn tokens(app: &TestApp) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = app.visitor().post_json("/api/token", &body).await;
    answer.text("refresh")
}

async fn browser(app: &TestApp) -> (Visitor, String) {
    let browser = app.visitor();
    browser.log_in(EMAIL, PASSWORD).await;
    assert!(browser.is_signed_in().await);
    let answer = browser.post_json("/api/auth/session", &json!({})).await;
    (browser, answer.text("refresh_token"))
}

async fn refreshed(app: &TestApp, refresh: &str) -> ApiResponse {
    let body = json!({ "refresh": refresh });
    app.visitor().post_json(REFRESH, &body).await
}

#[track_caller]
fn assert_session_ended(answer: &ApiResponse, why: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{why}");
    assert_eq!(answer.json["code"], "session_ended", "{why}");
}

/// Lena's tokens and her browser with its tokens.
struct Lena {
    tokens: String,
    browser: Visitor,
    browser_tokens: String,
}

impl Lena {
    async fn sign_in(app: &TestApp) -> Self {
        let (browser, browser_tokens) = browser(app).await;
        Self {
            tokens: tokens(app).await,
            browser,
            browser_tokens,
        }
    }

    async fn assert_over(&self, app: &TestApp, why: &str) {
        assert_session_ended(&refreshed(app, &self.tokens).await, why);
        assert_session_ended(&refreshed(app, &self.browser_tokens).await, why);
        for token in [&self.tokens, &self.browser_tokens] {
            let again = refreshed(app, token).await;
            assert_eq!(again.json["detail"], "Token is blacklisted", "{why}");
        }
        assert!(app.live_refresh_token_rows().is_empty(), "{why}");
    }
}

#[tokio::test]
async fn linking_the_account_to_workos_ends_its_password_sign_ins() {
    for rotate in ["false", "true"] {
        let app = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start();
        let user = app.add_password_user(EMAIL);
        let lena = Lena::sign_in(&app).await;
        let superuser = app.add_password_user("root@example.com");
        app.set_superuser(superuser.id);
        let body = json!({ "email": "root@example.com", "password": PASSWORD });
        let root = app.visitor().post_json("/api/token", &body).await;
        app.link_to_workos(user.id, "user_lena");
        app.link_to_workos(superuser.id, "user_root");
        // A page checks a session without WorkOS every five minutes.
        app.advance(301);
        assert!(!lena.browser.is_signed_in().await, "rotation {rotate}");
        assert!(app.only_session().revoked_at.is_some());
        assert_session_ended(&refreshed(&app, &lena.tokens).await, rotate);
        let of_session = refreshed(&app, &lena.browser_tokens).await;
        assert_eq!(of_session.json["detail"], "Token is blacklisted");
        let root = refreshed(&app, &root.text("refresh")).await;
        assert_eq!(root.status, StatusCode::OK, "a superuser may");
    }
}

#[tokio::test]
async fn a_refresh_does_not_wait_for_a_page() {
    let app = TestApp::start();
    let user = app.add_password_user(EMAIL);
    let lena = Lena::sign_in(&app).await;
    app.link_to_workos(user.id, "user_lena");
    lena.assert_over(&app, "the account is linked").await;
    assert!(!lena.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_narrower_password_login_ends_sign_ins_at_the_next_start() {
    for policy in ["superusers", "off"] {
        let before = TestApp::start();
        before.add_password_user(EMAIL);
        let lena = Lena::sign_in(&before).await;
        let cookies = lena.browser.cookies("/");
        let clock = before.clock.clone();
        let after = TestApp::builder()
            .database(before.stop())
            .clock(clock)
            .setting("PASSWORD_LOGIN", policy)
            .start();
        after.advance(301);
        let page = after.visitor().get_with_cookies("/account", &cookies).await;
        assert_eq!(page.status(), StatusCode::FOUND, "{policy}");
        assert_session_ended(&refreshed(&after, &lena.tokens).await, policy);
        let of_session = refreshed(&after, &lena.browser_tokens).await;
        assert_eq!(of_session.json["detail"], "Token is blacklisted");
    }
}

/// The successors of a token keep its sign-in method.
#[tokio::test]
async fn rotation_does_not_hide_the_method() {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let user = app.add_password_user(EMAIL);
    let first = tokens(&app).await;
    let second = refreshed(&app, &first).await.text("refresh");
    app.link_to_workos(user.id, "user_lena");
    assert_session_ended(&refreshed(&app, &second).await, "the second");
}

#[tokio::test]
async fn tokens_of_google_and_okta_end_with_the_provider_or_the_link() {
    use crate::support::oidc_provider::{OidcProvider, REDIRECT_URI, WithOidcIssuer, verified};
    use diesel::prelude::*;
    use vestibule::db::schema::identities;

    let provider = OidcProvider::start().await;
    let with_provider = || TestApp::builder().with_oidc_issuer(provider.issuer());
    let app = with_provider().start();
    app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
    let sign_in = async |app: &TestApp| -> String {
        let answer = app.visitor().post_json("/api/auth/okta", &body).await;
        answer.text("refresh_token")
    };
    let token = sign_in(&app).await;
    assert_eq!(refreshed(&app, &token).await.json["detail"], Value::Null);
    app.change(|conn| diesel::delete(identities::table).execute(conn));
    assert_session_ended(&refreshed(&app, &token).await, "unlinked");

    let token = sign_in(&app).await;
    let clock = app.clock.clone();
    let database = app.stop();
    let without = TestApp::builder().database(database).clock(clock).start();
    assert_session_ended(&refreshed(&without, &token).await, "not set up");
}
