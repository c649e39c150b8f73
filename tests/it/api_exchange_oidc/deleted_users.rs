//! Users whom WorkOS has deleted do not come back with an identity at Google or Okta, also without a webhook.

use authkit_emulator::{Effect, Fault};
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::accounts::User;
use vestibule::db::schema::identities;

use super::{GOOGLE, OKTA, body};
use crate::account_sessions::eventually;
use crate::support::api::ApiResponse;
use crate::support::app::TestApp;
use crate::support::exchange::{post, refused, signed_in};
use crate::support::oidc_provider::{OidcProvider, WithOidcIssuer, verified};
use crate::webhooks::{SECRET, send_event};

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";

/// Ada has signed in with WorkOS, and her identity at the provider is connected.
struct Connected {
    provider: OidcProvider,
    app: TestApp,
    ada: User,
    /// Ada's id at WorkOS.
    workos_user_id: String,
}

async fn connected(linking: &str) -> Connected {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .setting("PROVIDER_LINKING", linking)
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    let ada = connect(&app, &provider, ADA).await;
    Connected {
        provider,
        workos_user_id: ada.workos_user_id.clone().unwrap(),
        app,
        ada,
    }
}

/// Signs the user in with WorkOS and connects their identity at the provider, which signs them in from now on.
async fn connect(app: &TestApp, provider: &OidcProvider, email: &str) -> User {
    app.signed_in(email).await;
    let user = app.user(email);
    let subject = format!("{email} there");
    app.change(|conn| {
        let identity = (
            identities::issuer.eq(provider.issuer()),
            identities::subject.eq(&subject),
            identities::user_id.eq(user.id),
        );
        diesel::insert_into(identities::table)
            .values(identity)
            .execute(conn)
    });
    let mut claims = verified(email);
    claims["claims"]["sub"] = json!(subject);
    provider.configure(claims).await;
    user
}

impl Connected {
    fn user_path(&self) -> String {
        format!("/user_management/users/{}", self.workos_user_id)
    }

    /// The refresh token of a sign-in at the provider.
    async fn sign_in(&self) -> String {
        let answer = signed_in(post(&self.app, OKTA, &body()).await).await;
        assert_eq!(answer["user"]["id"], i64::from(self.ada.id));
        answer["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Connects another user, and returns their id at WorkOS and the refresh token of a sign-in.
    async fn olive(&self) -> (String, String) {
        let olive = connect(&self.app, &self.provider, OLIVE).await;
        let answer = signed_in(post(&self.app, OKTA, &body()).await).await;
        let token = answer["refresh_token"].as_str().unwrap().to_owned();
        (olive.workos_user_id.unwrap(), token)
    }

    /// WorkOS answers no question about this user.
    fn hide(&self, workos_user_id: &str) {
        let path = format!("/user_management/users/{workos_user_id}");
        let fault = Fault::once(&path, Effect::status(503, json!({})));
        self.app.workos().inject(fault.times(u32::MAX));
    }

    /// WorkOS fails a renewal in such a way that it counts as failing.
    async fn fail_renewals(&self) {
        let olive = self.app.signed_in(OLIVE).await;
        self.app.expire_workos_tokens();
        let unavailable = Effect::Status {
            status: 503,
            body: json!({}),
            retry_after: Some("20".to_owned()),
        };
        self.app.inject_fault(u32::MAX, unavailable);
        assert_eq!(olive.get("/").await.status(), StatusCode::OK);
    }

    async fn refresh(&self, token: &str) -> ApiResponse {
        let body = json!({ "refresh": token });
        let visitor = self.app.visitor();
        visitor.post_json("/api/token/refresh", &body).await
    }

    async fn assert_refused(&self, tokens: &[String]) {
        for path in [GOOGLE, OKTA] {
            let response = post(&self.app, path, &body()).await;
            refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
        }
        for token in tokens {
            for _ in 0..2 {
                let answer = self.refresh(token).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            }
        }
    }
}

#[tokio::test]
async fn a_deleted_user_neither_signs_in_nor_refreshes() {
    for linking in ["email", "signed-in"] {
        let connected = connected(linking).await;
        let app = &connected.app;
        let tokens = [connected.sign_in().await, connected.sign_in().await];
        if linking == "signed-in" {
            // Those of an earlier version.
            app.run_sql("UPDATE refresh_tokens SET sign_in_method = NULL");
        }
        assert_eq!(connected.refresh(&tokens[0]).await.status, StatusCode::OK);
        let before = app.user(ADA);
        assert!(app.workos().delete_user(&connected.workos_user_id));
        app.advance(61);
        connected.assert_refused(&tokens).await;
        // WorkOS has sent no event, so the account stays as it is.
        assert_eq!(app.users(), [before]);
        assert!(app.live_refresh_token_rows().is_empty(), "{linking}");
    }
}

#[tokio::test]
async fn an_event_closes_the_account_at_once() {
    let connected = connected("email").await;
    let tokens = [connected.sign_in().await];
    let data = json!({ "object": "user", "id": connected.workos_user_id });
    send_event(&connected.app, "event_1", "user.deleted", data).await;
    connected.assert_refused(&tokens).await;
    assert!(!connected.app.user(ADA).is_active);
}

/// A session is served for a while too; a sign-in has to wait.
#[tokio::test]
async fn an_outage_of_workos_ends_no_tokens() {
    let connected = connected("email").await;
    let app = &connected.app;
    let token = connected.sign_in().await;
    for status in [503, 401] {
        let fault = Fault::once(
            &connected.user_path(),
            Effect::status(status, json!({ "message": "made up" })),
        );
        app.workos().inject(fault.times(99));
        assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
        let sign_in = post(app, OKTA, &body()).await.status();
        assert!(!sign_in.is_success(), "{status}: {sign_in}");
        app.workos().clear_faults();
        app.advance(11);
    }
    // A proxy's error page is not WorkOS's word.
    let fault = Fault::once(&connected.user_path(), Effect::status(404, json!({})));
    app.workos().inject(fault.times(99));
    assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
    app.workos().clear_faults();
    assert!(app.workos().delete_user(&connected.workos_user_id));
    app.advance(11);
    connected.assert_refused(&[token]).await;
}

#[tokio::test]
async fn an_outage_longer_than_the_grace_period_delays_refreshes() {
    let connected = connected("email").await;
    let app = &connected.app;
    let token = connected.sign_in().await;
    let fault = Fault::once(&connected.user_path(), Effect::status(503, json!({})));
    app.workos().inject(fault.times(99));
    for (seconds, status) in [
        (0, StatusCode::OK),
        (3_500, StatusCode::OK),
        (100, StatusCode::SERVICE_UNAVAILABLE),
        (100, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        app.advance(seconds);
        assert_eq!(connected.refresh(&token).await.status, status);
    }
    app.workos().clear_faults();
    app.advance(11);
    assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
}

/// Otherwise whoever causes answers, or failures, decides how long others' tokens are refreshed.
#[tokio::test]
async fn each_account_has_a_grace_period_of_its_own() {
    let connected = connected("email").await;
    let app = &connected.app;
    let ada = connected.sign_in().await;
    let (olives_id, olive) = connected.olive().await;
    connected.hide(&connected.workos_user_id);
    for seconds in [0, 3_000, 500] {
        app.advance(seconds);
        for token in [&ada, &olive] {
            let answer = connected.refresh(token).await;
            assert_eq!(answer.status, StatusCode::OK, "{seconds}");
        }
    }
    connected.hide(&olives_id);
    app.advance(101);
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(connected.refresh(&ada).await.status, unavailable);
    assert_eq!(connected.refresh(&olive).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_user_who_was_deleted_is_refused_while_workos_answers_nothing_else() {
    let connected = connected("email").await;
    let app = &connected.app;
    let tokens = [connected.sign_in().await, connected.sign_in().await];
    connected.fail_renewals().await;
    assert!(app.workos().delete_user(&connected.workos_user_id));
    connected.assert_refused(&tokens[..1]).await;
    // WorkOS gives no answer any more.
    connected.hide(&connected.workos_user_id);
    app.advance(61);
    let answer = connected.refresh(&tokens[1]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
}

/// A WorkOS that hangs delays the first refresh only.
#[tokio::test]
async fn nobody_waits_twice_for_a_workos_that_fails() {
    let connected = connected("email").await;
    let app = &connected.app;
    let token = connected.sign_in().await;
    connected.fail_renewals().await;
    connected.hide(&connected.workos_user_id);
    assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
    app.workos().clear_faults();
    assert!(app.workos().delete_user(&connected.workos_user_id));
    let gate = app.workos().inject_gate(&connected.user_path());
    app.advance(11);
    assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
    gate.reached().await.unwrap();
    gate.open();
    let is_refused = async || connected.refresh(&token).await.status == StatusCode::UNAUTHORIZED;
    eventually(is_refused).await;
}

#[tokio::test]
async fn refreshes_ask_workos_once_a_minute() {
    let connected = connected("email").await;
    let app = &connected.app;
    let token = connected.sign_in().await;
    app.workos().clear_requests();
    let refreshes = (0..20).map(|_| connected.refresh(&token));
    for answer in futures_util::future::join_all(refreshes).await {
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(app.workos().count(&connected.user_path()), 1);
    app.advance(61);
    connected.refresh(&token).await;
    assert_eq!(app.workos().count(&connected.user_path()), 2);
}

/// An account without a user at WorkOS depends on nothing there.
#[tokio::test]
async fn an_account_without_a_workos_user_does_not_need_workos() {
    let connected = connected("email").await;
    let app = &connected.app;
    app.run_sql("UPDATE users SET workos_user_id = NULL");
    app.workos().delete_user(&connected.workos_user_id);
    app.workos().clear_requests();
    let token = connected.sign_in().await;
    assert_eq!(connected.refresh(&token).await.status, StatusCode::OK);
    assert_eq!(app.workos().requests().len(), 0);
    assert!(!connected.provider.requests("token").await.is_empty());
}
