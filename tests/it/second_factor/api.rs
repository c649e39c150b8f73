//! The code at `POST /api/token`.

use chrono::TimeDelta;
use serde_json::json;

use super::{Authenticator, app_with_factor};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::api::ApiResponse;
use crate::support::app::TestApp;

const TOKEN: &str = "/api/token";

async fn password(app: &TestApp, password: &str) -> ApiResponse {
    let body = json!({ "email": EMAIL, "password": password });
    app.visitor().post_json(TOKEN, &body).await
}

async fn code(app: &TestApp, pending: &str, code: &str) -> ApiResponse {
    let body = json!({ "pending_authentication_token": pending, "code": code });
    app.visitor().post_json(TOKEN, &body).await
}

async fn started(app: TestApp) -> (TestApp, Authenticator, String) {
    let (app, authenticator) = app_with_factor(app).await;
    let asked = password(&app, PASSWORD).await;
    assert_eq!(asked.status, 403);
    let pending = asked.text("pending_authentication_token");
    let expected = json!({
        "detail": "Send the code that the authenticator app shows, or a recovery code.",
        "code": "mfa_challenge",
        "pending_authentication_token": pending,
    });
    assert_eq!(asked.json, expected);
    (app, authenticator, pending)
}

#[tokio::test]
async fn tokens_follow_the_code() {
    let (app, authenticator, pending) = started(TestApp::start()).await;
    password(&app, "wrong").await.assert_is(
        401,
        r#"{"detail":"No active account found with the given credentials"}"#,
    );
    let wrong = code(&app, &pending, &authenticator.wrong_code(&app)).await;
    wrong.assert_is(
        400,
        r#"{"detail":"This code is not correct.","code":"invalid_one_time_code"}"#,
    );
    let right = authenticator.next_code(&app);
    let signed_in = code(&app, &pending, &right).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let me = app
        .visitor()
        .get_me_with_token(&signed_in.text("access"))
        .await;
    assert_eq!(me.status, 200);
    code(&app, &pending, &right).await.assert_is(
        400,
        r#"{"detail":"This code was already used.","code":"one_time_code_previously_used"}"#,
    );
    let recovery = code(&app, &pending, &authenticator.recovery_codes[0]).await;
    assert_eq!(recovery.status, 200);
    let missing = json!({ "pending_authentication_token": pending });
    app.visitor()
        .post_json(TOKEN, &missing)
        .await
        .assert_is(400, r#"{"code":["This field is required."]}"#);
}

#[tokio::test]
async fn an_old_or_invalid_token_is_refused() {
    const EXPIRED: &str = r#"{"detail":"This sign-in has expired or is already finished. Start a new one.","code":"invalid_pending_authentication_token"}"#;
    let (app, authenticator, pending) = started(TestApp::start()).await;
    let right = authenticator.next_code(&app);
    for invalid in ["made-up", &pending[1..]] {
        code(&app, invalid, &right).await.assert_is(400, EXPIRED);
    }
    app.run_sql("UPDATE users SET token_version = token_version + 1");
    code(&app, &pending, &right).await.assert_is(400, EXPIRED);
    let asked = password(&app, PASSWORD).await;
    let newer = asked.text("pending_authentication_token");
    app.clock.advance(TimeDelta::minutes(10));
    let right = authenticator.code_at(app.now());
    code(&app, &newer, &right).await.assert_is(400, EXPIRED);
}
