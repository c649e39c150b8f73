//! Other ways into an account with a second factor, or around the code.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;

use super::{PAGE, WRONG, after_password, app_with_factor, assert_refused, send_code};
use crate::account_sessions::sign_out_everywhere;
use crate::password_login::{EMAIL, PASSWORD, refused};
use crate::support::app::{TestApp, location};
use crate::support::steps::error_page;

const NEW_PASSWORD: [(&str, &str); 3] = [
    ("old_password", PASSWORD),
    ("new_password1", "Battery-staple-7"),
    ("new_password2", "Battery-staple-7"),
];

#[tokio::test]
async fn the_password_alone_changes_neither_password_nor_factor() {
    let (app, _) = app_with_factor(TestApp::start()).await;
    let before = app.user(EMAIL);
    let thief = after_password(&app).await;
    let remove = [("action", "remove"), ("code", "123456")];
    for (path, fields) in [("/account/password", &NEW_PASSWORD[..]), (PAGE, &remove)] {
        let response = thief.submit(path, fields).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{path}");
        assert!(location(&response).starts_with("/auth/login?"), "{path}");
    }
    assert_eq!(app.user(EMAIL).password, before.password);
    assert_eq!(app.count_rows("FROM totp_factors"), 1);
}

#[tokio::test]
async fn a_log_in_that_is_asked_for_again_asks_for_the_code_too() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    send_code(&visitor, &authenticator.next_code(&app)).await;
    app.clock.advance(TimeDelta::minutes(15));
    let code = authenticator.code_at(app.now());
    for action in ["remove", "recovery-codes"] {
        let fields = [("action", action), ("code", code.as_str())];
        let page = error_page(visitor.submit(PAGE, &fields).await, StatusCode::FORBIDDEN).await;
        assert!(page.contains("Please log in again first"), "{page}");
    }
    assert_eq!(
        sign_out_everywhere(&visitor).await.status(),
        StatusCode::FORBIDDEN
    );
    // The password alone does not make the session recent.
    let response = visitor.log_in(EMAIL, PASSWORD).await;
    assert_eq!(location(&response), "/login/code");
    let response = visitor.submit("/account/password", &NEW_PASSWORD).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
    let response = visitor.submit("/account/password", &NEW_PASSWORD).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
    assert_eq!(app.count_rows("FROM totp_factors"), 1);
}

#[tokio::test]
async fn what_the_password_alone_gave_out_ends_when_the_factor_is_added() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let (owner, thief) = (app.visitor(), app.visitor());
    owner.log_in(EMAIL, PASSWORD).await;
    thief.log_in(EMAIL, PASSWORD).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let tokens = app.visitor().post_json("/api/token", &body).await;
    super::set_up(&app, &owner).await;
    assert!(owner.is_signed_in().await);
    assert!(!thief.is_signed_in().await);
    let me = app
        .visitor()
        .get_me_with_token(&tokens.text("access"))
        .await;
    assert_eq!(me.status, 401);
    let refresh = tokens.text("refresh");
    let refreshed = app
        .visitor()
        .post_refresh_token("/api/token/refresh", &refresh)
        .await;
    assert_eq!(refreshed.status, 401);
}

#[tokio::test]
async fn a_linked_or_closed_account_is_not_asked_for_a_code() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    let id = app.user(EMAIL).id;
    app.link_to_workos(id, "user_made_up");
    refused(&app.visitor(), EMAIL, PASSWORD).await;
    let response = send_code(&visitor, &authenticator.next_code(&app)).await;
    assert_eq!(location(&response), "/login?notice=login-expired");
    app.run_sql("UPDATE users SET workos_user_id = NULL");
    app.set_active(id, false);
    refused(&app.visitor(), EMAIL, PASSWORD).await;
}

/// Somebody else may have set up the factor before the owner proved the address.
#[tokio::test]
async fn an_address_that_becomes_verified_ends_the_factor() {
    const ADA: &str = "ada@example.com";
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    app.add_user_with_password(ADA, PASSWORD);
    let stranger = app.visitor();
    stranger.log_in(ADA, PASSWORD).await;
    super::set_up(&app, &stranger).await;
    app.run_sql("UPDATE users SET email_verified = false");
    app.signed_in(ADA).await;
    assert!(app.user(ADA).email_verified);
    assert_eq!(app.count_rows("FROM totp_factors"), 0);
    assert_eq!(app.count_rows("FROM recovery_codes"), 0);
    let events = crate::audit::events(&app);
    let removed = events.iter().find(|row| row.event == "factor_removed");
    let detail = crate::audit::detail(removed.expect("an event"));
    assert_eq!(detail, json!({ "factor": "totp", "by": "server" }));
}

#[tokio::test]
async fn with_every_account_allowed_a_linked_account_keeps_its_factor() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let (app, authenticator) = app_with_factor(app).await;
    app.link_to_workos(app.user(EMAIL).id, "user_made_up");
    let visitor = after_password(&app).await;
    assert_refused(&visitor, &authenticator.wrong_code(&app), WRONG).await;
    let response = send_code(&visitor, &authenticator.next_code(&app)).await;
    assert_eq!(response.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_superuser_with_a_factor_is_asked_too() {
    let app = TestApp::builder()
        .setting("PASSWORD_LOGIN", "superusers")
        .start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    app.set_superuser(user.id);
    let owner = app.visitor();
    owner.log_in(EMAIL, PASSWORD).await;
    let authenticator = super::set_up(&app, &owner).await;
    let visitor = after_password(&app).await;
    let code = authenticator.next_code(&app);
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_new_password_by_command_or_sql_keeps_the_factor() {
    let (app, _) = app_with_factor(TestApp::start()).await;
    app.run_sql("UPDATE users SET token_version = token_version + 1");
    after_password(&app).await;
}
