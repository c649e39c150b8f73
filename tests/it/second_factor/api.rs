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

#[tokio::test]
async fn guesses_are_limited_and_a_recovery_code_still_works() {
    let (app, authenticator, pending) = started(TestApp::start()).await;
    for _ in 0..10 {
        let wrong = code(&app, &pending, &authenticator.wrong_code(&app)).await;
        assert_eq!(wrong.text("code"), "invalid_one_time_code");
    }
    // A new password step does not help.
    let asked = password(&app, PASSWORD).await;
    let pending = asked.text("pending_authentication_token");
    let right = code(&app, &pending, &authenticator.next_code(&app)).await;
    assert_eq!(right.status, 429);
    let wait: u64 = right.header("retry-after").unwrap().parse().unwrap();
    assert!((500..=600).contains(&wait), "{wait}");
    let recovery = code(&app, &pending, &authenticator.recovery_codes[0]).await;
    assert_eq!(recovery.status, 200);
}

#[tokio::test]
async fn wrong_codes_count_as_wrong_passwords_of_the_client() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "20/min")
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start();
    let (app, authenticator, pending) = started(app).await;
    let from = [("x-forwarded-for", "192.0.2.9")];
    let body = json!({
        "pending_authentication_token": pending,
        "code": authenticator.wrong_code(&app),
    });
    let mut statuses = Vec::new();
    for _ in 0..21 {
        let visitor = app.visitor();
        let answer = visitor.post_json_with_headers(TOKEN, &body, &from).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[..10], [400; 10]);
    assert_eq!(statuses[10..], [429; 11], "{statuses:?}");
}
