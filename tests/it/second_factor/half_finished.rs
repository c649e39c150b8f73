//! The state between the password and the code: it is no session, and it ends.

use chrono::TimeDelta;
use reqwest::header::{AUTHORIZATION, COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{after_password, app_with_factor, send_code};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, location};
use crate::support::steps::{is_removal, set_cookie};

const COOKIE_NAME: &str = "vestibule_login_code";

#[tokio::test]
async fn it_is_accepted_as_a_session_or_a_token_nowhere() {
    let (app, _) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    let pending = visitor.cookie("/login/code", COOKIE_NAME).unwrap();
    let sessions = app.count_rows("FROM sessions");
    for name in [COOKIE_NAME, "sessionid"] {
        let cookies = format!("{name}={pending}");
        for path in ["/account", super::PAGE] {
            let response = app.visitor().get_with_cookies(path, &cookies).await;
            assert_eq!(response.status(), StatusCode::FOUND, "{name} {path}");
            assert!(location(&response).starts_with("/auth/login?"));
        }
        let request = app.visitor().request(Method::POST, "/api/auth/session");
        let response = request.header(COOKIE, &cookies).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
    }
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let asked = app.visitor().post_json("/api/token", &body).await;
    let token = asked.text("pending_authentication_token");
    for (route, field) in [
        ("/api/token/refresh", "refresh"),
        ("/api/token/verify", "token"),
    ] {
        let answer = app
            .visitor()
            .post_json(route, &json!({ field: token }))
            .await;
        assert_eq!(answer.status, 401, "{route}");
    }
    let request = app.visitor().request(Method::GET, "/api/users/me");
    let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    // Nor does WorkOS's exchange accept it.
    let body = json!({ "pending_authentication_token": token, "code": "123456" });
    let answer = app
        .visitor()
        .post_json("/api/auth/workos/callback", &body)
        .await;
    assert_eq!(answer.text("code"), "invalid_pending_authentication_token");
    assert_eq!(app.count_rows("FROM sessions"), sessions);
}

#[tokio::test]
async fn a_session_of_somebody_else_in_the_browser_goes_on_until_the_code() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    app.add_user_with_password("ada@example.com", PASSWORD);
    let browser = app.visitor();
    browser.log_in("ada@example.com", PASSWORD).await;
    browser.log_in(EMAIL, PASSWORD).await;
    assert!(
        browser
            .page("/")
            .await
            .contains("Welcome, ada@example.com!")
    );
    let response = send_code(&browser, &authenticator.next_code(&app)).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let welcome = format!("Welcome, {EMAIL}!");
    assert!(browser.page("/").await.contains(&welcome));
    let replaced = app.sessions();
    let open = replaced.iter().filter(|row| row.revoked_at.is_none());
    let users: Vec<_> = open.map(|row| row.user_id).collect();
    // The session of the set-up, and the new one.
    assert_eq!(users, [app.user(EMAIL).id; 2]);
}

#[tokio::test]
async fn it_ends_with_a_log_out_in_the_same_browser() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    app.add_user_with_password("ada@example.com", PASSWORD);
    let browser = app.visitor();
    browser.log_in("ada@example.com", PASSWORD).await;
    browser.log_in(EMAIL, PASSWORD).await;
    assert!(browser.cookie("/login/code", COOKIE_NAME).is_some());
    let response = browser.post("/auth/logout").await;
    let line = set_cookie(&response, COOKIE_NAME).unwrap();
    assert!(
        is_removal(&line) && line.contains("Path=/login/code"),
        "{line}"
    );
    assert_eq!(browser.cookie("/login/code", COOKIE_NAME), None);
    let response = send_code(&browser, &authenticator.next_code(&app)).await;
    assert_eq!(location(&response), "/login?notice=login-expired");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn it_ends_after_ten_minutes_though_its_cookie_is_sent() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    let cookie = visitor.cookie("/login/code", COOKIE_NAME).unwrap();
    for (seconds, target) in [(599, "/"), (1, "/login?notice=login-expired")] {
        app.clock.advance(TimeDelta::seconds(seconds));
        let request = app.visitor().request(Method::POST, "/login/code");
        let request = request.header(COOKIE, format!("{COOKIE_NAME}={cookie}"));
        let code = authenticator.code_at(app.now());
        let response = request.form(&[("code", &code)]).send().await.unwrap();
        assert_eq!(location(&response), target, "{seconds}");
    }
}

#[tokio::test]
async fn a_code_from_another_site_is_refused() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    for path in ["/login/code", super::PAGE] {
        let request = visitor.request(Method::POST, path);
        let request = request.header("origin", "https://elsewhere.example");
        let code = authenticator.next_code(&app);
        let response = request.form(&[("code", &code)]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert!(!visitor.is_signed_in().await);
}

/// The next person at this computer could otherwise complete the log-in.
#[tokio::test]
async fn another_persons_sign_in_in_the_browser_removes_it() {
    for how in ["/login", "/auth/callback", "/auth/step", "/api/token"] {
        let app = TestApp::builder().setting("AUTH_COOKIE_NAME", "tofu-web");
        let (app, authenticator) = app_with_factor(app.start()).await;
        app.add_user_with_password("ada@example.com", PASSWORD);
        let browser = after_password(&app).await;
        assert!(browser.cookie("/login/code", COOKIE_NAME).is_some());
        match how {
            "/login" => {
                browser.log_in("ada@example.com", PASSWORD).await;
            }
            "/auth/callback" => {
                browser.sign_in("olive@example.com").await;
            }
            "/auth/step" => {
                let stopped = browser.sign_in("max@example.com").await;
                assert!(browser.cookie("/login/code", COOKIE_NAME).is_some());
                let code = [("code", "123456")];
                browser.submit(&location(&stopped), &code).await;
            }
            _ => {
                let ada = json!({ "email": "ada@example.com", "password": PASSWORD });
                let answer = browser.post_json("/api/token", &ada).await;
                assert_eq!(answer.status, StatusCode::OK);
            }
        }
        assert_eq!(browser.cookie("/login/code", COOKIE_NAME), None, "{how}");
        let response = send_code(&browser, &authenticator.next_code(&app)).await;
        assert!(location(&response).contains("login-expired"), "{how}");
    }
}
