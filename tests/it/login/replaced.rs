//! What ends with a session that a sign-in in the same browser replaces.

use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::sessions::{NewSession, SessionRow};

use crate::account_sessions::{ADA, is_open, password_session, workos_has};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in};
use crate::support::app::TestApp;

/// No session here would name it any more, so no log-out would reach it.
#[tokio::test]
async fn a_session_that_a_password_of_the_same_user_replaces_ends_at_workos() {
    for policy in ["", "tofu-web"] {
        let app = TestApp::builder().setting("PASSWORD_LOGIN", "all");
        let app = match policy {
            "" => app.start(),
            name => app.setting("AUTH_COOKIE_NAME", name).start(),
        };
        let browser = app.signed_in(ADA).await;
        let user = app.user(ADA);
        let encoded = app.add_user_with_password(EMAIL, PASSWORD).password;
        let statement = format!(
            "UPDATE users SET password = '{encoded}' WHERE id = {}",
            user.id
        );
        app.run_sql(&statement);
        workos_has(&app, ADA, 1).await;
        match policy {
            "" => assert_logs_in(&browser, ADA, PASSWORD).await,
            _ => {
                let credentials = json!({ "email": ADA, "password": PASSWORD });
                let answer = browser.post_json("/api/token", &credentials).await;
                assert_eq!(answer.status, StatusCode::OK);
            }
        }
        workos_has(&app, ADA, 0).await;
    }
}

/// A copy of a cookie must have no effect after the session's end.
#[tokio::test]
async fn a_cookie_of_an_ended_session_ends_nothing_of_its_successor() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let ada = app.signed_in(ADA).await;
    let (copy, first) = (ada.cookies("/"), app.only_session());
    let tokens = ada.post_json("/api/auth/session", &json!({})).await;
    // The browser has signed in again within the same WorkOS session.
    let sid = first.workos_sid.clone();
    let successor = NewSession {
        workos_sid: sid.clone(),
        ..password_session(&app, first.user_id, "0123456789abcdef0123456789abcdef")
    };
    assert!(app.change(|conn| successor.insert(conn)));
    app.change(|conn| SessionRow::revoke(conn, &first.id, app.now()));
    app.advance(1);
    let alive = async || {
        let refresh = json!({ "refresh": tokens.text("refresh_token") });
        let answer = app
            .visitor()
            .post_json("/api/token/refresh", &refresh)
            .await;
        answer.status == StatusCode::OK && is_open(&app, &successor.id)
    };
    let form = app.visitor().request(Method::POST, "/login");
    let form = form.form(&[("email", EMAIL), ("password", PASSWORD)]);
    let response = form.header("Cookie", &copy).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(alive().await, "a sign-in");
    // As a further cookie of the browser.
    let olive = app.signed_in("olive@example.com").await;
    let cookies = format!("{}; {copy}", olive.cookies("/"));
    olive.post_with_cookies("/auth/logout", &cookies).await;
    assert!(alive().await, "a log-out");
    workos_has(&app, ADA, 1).await;
}

/// Otherwise WorkOS would sign the first user in again, without credentials.
#[tokio::test]
async fn a_session_that_another_user_replaces_ends_at_workos() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let form = app.signed_in("ada@example.com").await;
    assert_logs_in(&form, EMAIL, PASSWORD).await;
    workos_has(&app, "ada@example.com", 0).await;

    let hosted = app.signed_in("ada@example.com").await;
    workos_has(&app, "ada@example.com", 1).await;
    hosted.sign_in("olive@example.com").await;
    workos_has(&app, "ada@example.com", 0).await;
    workos_has(&app, "olive@example.com", 1).await;
}
