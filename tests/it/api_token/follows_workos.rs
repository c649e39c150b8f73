//! A refresh of a token with a `sid` renews the session with WorkOS, as a page does. No webhook is set up.

use std::time::Duration;

use authkit_emulator::Effect;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, TestAppBuilder};
use crate::support::exchange::{WORKOS, code_for};
use crate::support::renewal::GRANT;
use crate::support::tokens::token_claims;

const ADA: &str = "ada@example.com";
const REFRESH: &str = "/api/token/refresh";

/// An app whose tokens, and those of its WorkOS, last for 20 seconds.
fn app(rotate: bool) -> TestAppBuilder {
    TestApp::builder()
        .setting("ACCESS_TOKEN_LIFETIME", "20")
        .setting(
            "ROTATE_REFRESH_TOKENS",
            if rotate { "true" } else { "false" },
        )
        .setting("SESSION_STALE_GRACE", "60")
}

/// How an application got its tokens.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// By a code.
    Exchange,
    /// By the browser's session.
    Session,
}

const ORIGINS: [Origin; 2] = [Origin::Exchange, Origin::Session];

struct Client {
    app: TestApp,
    refresh: String,
}

impl Client {
    async fn start(builder: TestAppBuilder, origin: Origin) -> Self {
        let app = builder.start();
        app.workos()
            .set_access_token_lifetime(Duration::from_secs(20));
        let answer = match origin {
            Origin::Exchange => {
                let code = code_for(&app, ADA).await;
                let body = json!({ "code": code });
                app.visitor().post_json(WORKOS, &body).await
            }
            Origin::Session => {
                let ada = app.signed_in(ADA).await;
                ada.post_json("/api/auth/session", &json!({})).await
            }
        };
        let refresh = answer.text("refresh_token");
        Self { app, refresh }
    }

    async fn send(&self) -> ApiResponse {
        let body = json!({ "refresh": self.refresh });
        self.app.visitor().post_json(REFRESH, &body).await
    }

    /// Refreshes, asserts that the new access token works, and keeps the new refresh token.
    async fn refreshes(&mut self, why: &str) {
        let answer = self.send().await;
        assert_eq!(answer.status, StatusCode::OK, "{why}: {answer:?}");
        let access = answer.text("access");
        let me = self.app.visitor().get_me_with_token(&access).await;
        assert_eq!(me.json["email"], ADA, "{why}");
        if let Some(next) = answer.json["refresh"].as_str() {
            self.refresh = next.to_owned();
        }
    }

    #[track_caller]
    fn assert_session_ended(&self, answer: &ApiResponse, why: &str) {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{why}");
        let expected = json!({
            "detail": "Your session has ended. Please log in again.",
            "code": "session_ended",
            "sign_in_url": format!("{}/auth/login", self.app.url),
        });
        assert_eq!(answer.json, expected, "{why}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"api\"")
        );
        assert!(self.app.only_session().revoked_at.is_some(), "{why}");
        assert!(self.app.live_refresh_token_rows().is_empty(), "{why}");
    }
}

#[tokio::test]
async fn a_session_that_was_revoked_or_a_user_who_was_deleted_at_workos_refreshes_no_longer() {
    for origin in ORIGINS {
        for (rotate, deleted) in [(false, false), (true, false), (false, true), (true, true)] {
            let why = format!("{origin:?}, rotation {rotate}, deleted {deleted}");
            let mut client = Client::start(app(rotate), origin).await;
            for _ in 0..3 {
                client.app.advance(20);
                client.refreshes(&why).await;
            }
            let workos = client.app.workos();
            if deleted {
                let id = workos.user(ADA).unwrap().id;
                assert!(workos.delete_user(&id));
            } else {
                let sid = client.app.only_session().workos_sid.unwrap();
                assert!(workos.revoke_session(&sid));
            }
            client.app.advance(20);
            let answer = client.send().await;
            client.assert_session_ended(&answer, &why);
            let again = client.send().await;
            assert_eq!(again.json["detail"], "Token is blacklisted", "{why}");
        }
    }
}

#[tokio::test]
async fn an_outage_of_workos_is_bridged_for_the_grace_and_no_longer() {
    for origin in ORIGINS {
        for rotate in [false, true] {
            let why = format!("{origin:?}, rotation {rotate}");
            let mut client = Client::start(app(rotate), origin).await;
            client.app.advance(20);
            client.app.make_workos_unavailable();
            client.refreshes(&why).await;
            client.app.advance(50);
            client.refreshes(&why).await;
            client.app.advance(40);
            let answer = client.send().await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{why}");
            assert!(answer.header("retry-after").is_some(), "{why}");
            assert!(client.app.only_session().revoked_at.is_none(), "{why}");
            client.app.restore_workos();
            client.refreshes(&why).await;
        }
    }
}

#[tokio::test]
async fn the_refreshes_of_several_tabs_renew_the_session_once() {
    let client = Client::start(app(true), Origin::Exchange).await;
    client.app.advance(20);
    let all = (0..8).map(|_| client.send());
    let answers = futures_util::future::join_all(all).await;
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(client.app.workos().count_grant(GRANT), 1);
}

#[tokio::test]
async fn the_refresh_token_of_workos_is_kept_encrypted_and_deleted_at_the_end() {
    let mut client = Client::start(app(false), Origin::Exchange).await;
    let row = client.app.only_session();
    let first = client.app.workos_refresh_token(&row);
    client.app.advance(20);
    client.refreshes("a renewal").await;
    let second = client.app.workos_refresh_token(&client.app.only_session());
    assert_ne!(first, second, "WorkOS replaces it");
    let body = json!({ "refresh": client.refresh });
    client
        .app
        .visitor()
        .post_json("/api/auth/logout", &body)
        .await;
    let row = client.app.only_session();
    assert!(row.revoked_at.is_some());
    assert_eq!(row.workos_refresh_token, None);
}

#[tokio::test]
async fn a_session_that_is_not_due_is_not_renewed() {
    let mut client = Client::start(app(true), Origin::Exchange).await;
    for _ in 0..3 {
        client.app.advance(1);
        client.refreshes("it is not due").await;
    }
    assert_eq!(client.app.workos().count_grant(GRANT), 0);
}

#[tokio::test]
async fn a_lost_response_of_workos_ends_no_session() {
    let mut client = Client::start(app(true), Origin::Exchange).await;
    client.app.advance(20);
    client.app.inject_fault(1, Effect::DropReply);
    client
        .refreshes("the lost response is asked for again")
        .await;
    client.app.advance(20);
    client.refreshes("afterwards").await;
}

/// The application's session is listed while it can go on.
#[tokio::test]
async fn the_account_page_lists_an_application_until_its_tokens_have_expired() {
    let builder = app(false).setting("REFRESH_TOKEN_LIFETIME", "100");
    let client = Client::start(builder, Origin::Exchange).await;
    let ada = client.app.signed_in(ADA).await;
    const APPLICATION: &str = "WorkOS, in an application that uses tokens";
    let page = ada.page("/account").await;
    assert!(page.contains(APPLICATION), "{page}");
    let exp = token_claims(&client.refresh)["exp"].as_i64().unwrap();
    client.app.advance(exp - client.app.now().seconds());
    let page = ada.page("/account").await;
    assert!(!page.contains(APPLICATION), "{page}");
    assert!(page.contains("This browser"), "{page}");
}
