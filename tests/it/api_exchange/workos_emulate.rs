//! Code exchanges with WorkOS's own emulator, which is independent of our code.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::exchange::{
    VERIFIER, WORKOS, authorize_url, claims, me, post, refused, signed_in,
};
use crate::support::steps::query;
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};

async fn start() -> (WorkosEmulate, TestApp) {
    let workos = WorkosEmulate::start(&json!({ "users": [
        { "email": "ada@example.com", "first_name": "Ada", "email_verified": true },
        {
            "email": "imogen@example.com",
            "email_verified": true,
            "impersonator": { "email": "support@example.com", "reason": "A support ticket" },
        },
    ] }))
    .await;
    let app = TestApp::builder()
        .workos(workos.url(), workos.api_key(), CLIENT_ID)
        .start();
    (workos, app)
}

/// The emulator needs no password: it signs in the user of the login hint.
async fn code(app: &TestApp, pkce: bool, email: &str) -> String {
    let mut authorize = authorize_url(app, pkce);
    authorize.query_pairs_mut().append_pair("login_hint", email);
    let callback = app.visitor().start_login(authorize.as_str()).await;
    query(&callback, "code")
}

#[tokio::test]
async fn a_code_is_exchanged_with_and_without_pkce() {
    let (_workos, app) = start().await;
    let plain = json!({ "code": code(&app, false, "ada@example.com").await });
    let first = signed_in(post(&app, WORKOS, &plain).await).await;
    let proven = json!({
        "code": code(&app, true, "ada@example.com").await,
        "code_verifier": VERIFIER,
    });
    let second = signed_in(post(&app, WORKOS, &proven).await).await;
    assert_eq!(first["user"], second["user"]);
    assert_eq!(first["user"]["first_name"], "Ada");
    assert_ne!(
        claims(&first["access_token"])["sid"],
        claims(&second["access_token"])["sid"]
    );
    assert_eq!(app.sessions().len(), 2);
    assert_eq!(
        me(&app, &second["access_token"]).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_error_codes_of_the_emulator_are_passed_on() {
    let (_workos, app) = start().await;
    let unknown = post(&app, WORKOS, &json!({ "code": "made-up" })).await;
    refused(unknown, StatusCode::BAD_REQUEST, "invalid_code").await;
    let body = json!({
        "code": code(&app, true, "ada@example.com").await,
        "code_verifier": "another-verifier-of-forty-three-characters-x",
    });
    let wrong = post(&app, WORKOS, &body).await;
    refused(wrong, StatusCode::BAD_REQUEST, "invalid_code_verifier").await;
    assert!(app.users().is_empty());
}

#[tokio::test]
async fn tokens_of_an_impersonation_name_the_actor() {
    let (_workos, app) = start().await;
    let body = json!({ "code": code(&app, false, "imogen@example.com").await });
    let answer = signed_in(post(&app, WORKOS, &body).await).await;
    let claims = claims(&answer["refresh_token"]);
    assert_eq!(claims["act"], json!({ "sub": "support@example.com" }));
    assert_eq!(claims["exp"], app.now().seconds() + 3_600);
}
