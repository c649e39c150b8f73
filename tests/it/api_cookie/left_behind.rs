//! The end or the replacement of a browser's session removes the cookies with its tokens.

use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use super::{NAME, REFRESH_NAME, app};
use crate::account_sessions::{REVOKE, sign_out_everywhere};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in};
use crate::support::app::{TestApp, Visitor};
use crate::support::exchange::code_for;
use crate::support::steps::{is_removal, obtain_callback_url, set_cookie};

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";

/// Ada's browser with the cookies of her session and of its tokens.
async fn ada_with_tokens(app: &TestApp) -> Visitor {
    let ada = app.signed_in(ADA).await;
    give_tokens(&ada).await;
    ada
}

async fn give_tokens(visitor: &Visitor) {
    let answer = visitor.post_json("/api/auth/session", &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(visitor.cookie("/", NAME).is_some());
    assert!(visitor.cookie("/api", REFRESH_NAME).is_some());
}

#[track_caller]
fn assert_removes_tokens(response: &Response, how: &str) {
    for (name, path) in [(NAME, "Path=/;"), (REFRESH_NAME, "Path=/api;")] {
        let line = set_cookie(response, name).unwrap_or_else(|| panic!("{how}: no {name}"));
        assert!(is_removal(&line) && line.contains(path), "{how}: {line}");
    }
}

async fn assert_no_api(visitor: &Visitor, how: &str) {
    for name in [NAME, REFRESH_NAME, "sessionid"] {
        assert_eq!(visitor.cookie("/api", name), None, "{how}");
    }
    assert_eq!(visitor.get_me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_log_out_removes_them() {
    let app = app("true");
    let ada = ada_with_tokens(&app).await;
    let id = app.only_session().id.to_string();
    let link = ada.request(Method::GET, "/auth/logout");
    let link = link.header("sec-fetch-site", "same-origin");
    let response = link.send().await.unwrap();
    assert_removes_tokens(&response, "a link");
    assert_no_api(&ada, "a link").await;

    let ada = ada_with_tokens(&app).await;
    assert_removes_tokens(&ada.post("/auth/logout").await, "a form");
    assert_no_api(&ada, "a form").await;

    let ada = ada_with_tokens(&app).await;
    let sessions = app.sessions();
    let open = sessions.iter().find(|row| row.revoked_at.is_none());
    let current = open.unwrap().id.to_string();
    assert_ne!(current, id);
    let response = ada.submit(REVOKE, &[("session_id", &current)]).await;
    assert_removes_tokens(&response, "here");
    assert_no_api(&ada, "here").await;

    let ada = ada_with_tokens(&app).await;
    assert_removes_tokens(&sign_out_everywhere(&ada).await, "everywhere");
    assert_no_api(&ada, "everywhere").await;
}

#[tokio::test]
async fn a_new_sign_in_in_the_same_browser_removes_them() {
    let app = app("true");
    let browser = ada_with_tokens(&app).await;
    let callback = obtain_callback_url(&browser, OLIVE).await;
    let response = browser.get(callback.as_str()).await;
    assert_removes_tokens(&response, "WorkOS");
    assert!(browser.page("/").await.contains("Welcome, olive@"));
    assert_eq!(browser.get_me().await.json["email"], OLIVE);

    give_tokens(&browser).await;
    app.add_user_with_password(EMAIL, PASSWORD);
    let response = browser.log_in(EMAIL, PASSWORD).await;
    assert_removes_tokens(&response, "a password");
    assert_eq!(browser.get_me().await.json["email"], EMAIL);
}

#[tokio::test]
async fn a_sign_in_with_another_step_removes_them() {
    let app = app("true");
    let browser = ada_with_tokens(&app).await;
    let callback = obtain_callback_url(&browser, "max@example.com").await;
    let stopped = browser.get(callback.as_str()).await;
    assert!(
        browser.cookie("/", NAME).is_some(),
        "Ada is still signed in"
    );
    let step = crate::support::app::location(&stopped);
    let response = browser.submit(&step, &[("code", "123456")]).await;
    assert_removes_tokens(&response, "the step");
    assert_eq!(browser.get_me().await.json["email"], "max@example.com");
}

#[tokio::test]
async fn a_session_that_workos_refuses_to_renew_takes_them_with_it() {
    let app = app("true");
    let ada = ada_with_tokens(&app).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    assert!(app.workos().revoke_session(&sid));
    app.expire_workos_tokens();
    assert_removes_tokens(&ada.get("/account").await, "the renewal");
    assert_no_api(&ada, "the renewal").await;
}

#[tokio::test]
async fn a_password_change_removes_them_and_keeps_the_session() {
    let app = app("true");
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = app.visitor();
    assert_logs_in(&browser, EMAIL, PASSWORD).await;
    give_tokens(&browser).await;
    let new = "Another-horse-10";
    let fields = [
        ("old_password", PASSWORD),
        ("new_password1", new),
        ("new_password2", new),
    ];
    let response = browser.submit("/account/password", &fields).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_removes_tokens(&response, "the change");
    let me = browser.get_me().await;
    assert_eq!(me.json["email"], EMAIL, "the browser's session goes on");
}

/// Tokens in cookies make the browser somebody else's.
#[tokio::test]
async fn a_sign_in_of_the_api_replaces_the_browsers_session() {
    let app = app("true");
    app.add_user_with_password(EMAIL, PASSWORD);
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    for path in ["/api/token", "/api/auth/workos/callback"] {
        let browser = ada_with_tokens(&app).await;
        let body = match path {
            "/api/token" => credentials.clone(),
            _ => json!({ "code": code_for(&app, OLIVE).await }),
        };
        let answer = browser.post_json(path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(is_removal(answer.set_cookie("sessionid").unwrap()));
        assert!(!is_removal(answer.set_cookie(NAME).unwrap()), "{path}");
        assert!(!browser.is_signed_in().await, "{path}");
        let me = browser.get_me().await;
        let email = if path == "/api/token" { EMAIL } else { OLIVE };
        assert_eq!(me.json["email"], email, "{path}");
        let ada = app.user(ADA).id;
        let rows = app.sessions();
        let mut rows = rows.iter().filter(|row| row.user_id == ada);
        assert!(rows.all(|row| row.revoked_at.is_some()), "{path}");
        let refused = json!({ "email": EMAIL, "password": "wrong" });
        let again = ada_with_tokens(&app).await;
        let refused = again.post_json("/api/token", &refused).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(again.is_signed_in().await, "a refusal replaces nothing");
        again.post("/auth/logout").await;
    }
}

/// Without the policy the tokens are the client's, and the browser's session is another matter.
#[tokio::test]
async fn without_the_policy_a_sign_in_of_the_api_leaves_the_session_alone() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let ada = app.signed_in(ADA).await;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = ada.post_json("/api/token", &credentials).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("set-cookie"), None);
    assert!(ada.is_signed_in().await);
}

/// Who has signed in through the API alone can log out in the browser too, and no link of another site
/// does it for them.
#[tokio::test]
async fn the_browsers_log_out_ends_a_sign_in_of_the_api() {
    let app = app("true");
    let browser = app.visitor();
    let code = code_for(&app, ADA).await;
    let path = "/api/auth/workos/callback";
    browser.post_json(path, &json!({ "code": code })).await;
    let refresh = browser.cookie("/api", REFRESH_NAME).unwrap();
    let asks = browser.request(Method::GET, "/auth/logout");
    let asks = asks.header("sec-fetch-site", "cross-site");
    let asks = asks.send().await.unwrap();
    assert_eq!(asks.status(), StatusCode::OK);
    assert_eq!(set_cookie(&asks, NAME), None);
    assert!(asks.text().await.unwrap().contains("Log out?"));

    let response = browser.post("/auth/logout").await;
    assert_removes_tokens(&response, "the form");
    let to = crate::support::app::location(&response);
    assert!(to.contains("/user_management/sessions/logout"), "{to}");
    assert!(app.only_session().revoked_at.is_some());
    let body = json!({ "refresh": refresh });
    let ended = app.visitor().post_json("/api/token/refresh", &body).await;
    assert_eq!(ended.json["detail"], "Token is blacklisted");
}

/// The next person at this computer could otherwise complete the sign-in.
#[tokio::test]
async fn a_log_out_ends_the_sign_ins_that_wait_for_a_step() {
    let app = TestApp::start();
    let browser = app.signed_in(ADA).await;
    let callback = obtain_callback_url(&browser, "max@example.com").await;
    let stopped = browser.get(callback.as_str()).await;
    let step = crate::support::app::location(&stopped);
    let cookies = browser.cookies("/auth/step");
    let response = browser.post("/auth/logout").await;
    let removed = crate::support::app::set_cookies(&response);
    let removed = removed.iter().filter(|line| is_removal(line));
    let removed = removed.filter(|line| line.starts_with("vestibule_step_"));
    assert_eq!(removed.count(), 1);
    let form = [("code", "123456")];
    let copied = app.visitor().request(Method::POST, &step).form(&form);
    let copied = copied.header("cookie", cookies).send().await.unwrap();
    assert_eq!(copied.status(), StatusCode::BAD_REQUEST);
    browser.submit(&step, &form).await;
    assert!(!browser.is_signed_in().await);
}
