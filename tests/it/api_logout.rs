//! `POST /api/auth/logout`: what it ends, what it answers, and that it never fails with 401.

use chrono::TimeDelta;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};
use crate::support::steps::{is_removal, query};

const LOGOUT: &str = "/api/auth/logout";
const REFRESH: &str = "/api/token/refresh";
const MESSAGE: &str = "Successfully logged out";

async fn by_token(visitor: &Visitor, token: &str) -> ApiResponse {
    let header = format!("Bearer {token}");
    visitor
        .post_json_with_headers(LOGOUT, &json!({}), &[("authorization", &header)])
        .await
}

/// A signed-in browser and the tokens of its session.
async fn signed_in(app: &TestApp) -> (Visitor, ApiResponse) {
    let ada = app.signed_in("ada@example.com").await;
    let answer = ada.post_json("/api/auth/session", &json!({})).await;
    (ada, answer)
}

async fn pair(app: &TestApp, email: &str) -> ApiResponse {
    let body = json!({ "email": email, "password": PASSWORD });
    app.visitor().post_json("/api/token", &body).await
}

async fn is_live(app: &TestApp, refresh: &str) -> bool {
    let body = json!({ "refresh": refresh });
    let answer = app.visitor().post_json(REFRESH, &body).await;
    answer.status == StatusCode::OK
}

/// Asserts that the response names WorkOS's log-out URL with this session id; returns the URL.
#[track_caller]
fn assert_ends_at_workos(answer: &ApiResponse, app: &TestApp, sid: &str) -> Url {
    assert_eq!(answer.status, StatusCode::OK);
    let url = Url::parse(&answer.text("workos_logout_url")).unwrap();
    let end = format!(
        "{}/user_management/sessions/logout",
        app.emulator.base_url()
    );
    assert!(url.as_str().starts_with(&end), "{url}");
    assert_eq!(query(&url, "session_id"), sid);
    let whole = json!({
        "message": MESSAGE, "workos_logout_url": url.as_str(), "redirect_to": "/signin",
    });
    assert_eq!(answer.json, whole);
    url
}

#[track_caller]
fn assert_ends_here(answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::OK);
    let whole = json!({ "message": MESSAGE, "workos_logout_url": null, "redirect_to": "/login" });
    assert_eq!(answer.json, whole);
}

#[tokio::test]
async fn a_browser_session_ends_together_with_its_tokens() {
    let app = TestApp::start();
    let (ada, tokens) = signed_in(&app).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    let answer = ada.post_json(LOGOUT, &json!({})).await;
    let url = assert_ends_at_workos(&answer, &app, &sid);
    assert_eq!(query(&url, "return_to"), format!("{}/", app.url));
    assert!(is_removal(answer.set_cookie("sessionid").unwrap()));
    assert!(!ada.is_signed_in().await);
    let row = app.only_session();
    assert_eq!(row.revoked_at, Some(app.now()));
    assert_eq!(row.workos_refresh_token, None);
    assert!(!is_live(&app, &tokens.text("refresh_token")).await);
    let me = app
        .visitor()
        .get_me_with_token(&tokens.text("access_token"))
        .await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_expired_access_token_still_names_its_session() {
    let app = TestApp::start();
    let (ada, tokens) = signed_in(&app).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.clock.advance(TimeDelta::minutes(10));
    let elsewhere = app.visitor();
    let access = tokens.text("access_token");
    assert_eq!(
        elsewhere.get_me_with_token(&access).await.status,
        StatusCode::UNAUTHORIZED
    );
    let answer = by_token(&elsewhere, &access).await;
    assert_ends_at_workos(&answer, &app, &sid);
    assert!(!is_live(&app, &tokens.text("refresh_token")).await);
    assert!(!ada.is_signed_in().await, "the session of the token ends");
}

/// The clocks of replicas may differ slightly.
#[tokio::test]
async fn a_token_issued_in_the_future_is_revoked_too() {
    let app = TestApp::start();
    let (_, tokens) = signed_in(&app).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.clock.advance(TimeDelta::seconds(-5));
    let answer = by_token(&app.visitor(), &tokens.text("access_token")).await;
    assert_ends_at_workos(&answer, &app, &sid);
    app.clock.advance(TimeDelta::seconds(5));
    assert!(!is_live(&app, &tokens.text("refresh_token")).await);
}

#[tokio::test]
async fn a_log_out_never_answers_401() {
    let app = TestApp::start();
    let (ada, tokens) = signed_in(&app).await;
    let access = tokens.text("access_token");
    let forged = format!("{}x", &access[..access.len() - 5]);
    assert_ends_here(&app.visitor().post_json(LOGOUT, &json!({})).await);
    let bare = app
        .visitor()
        .request(reqwest::Method::POST, LOGOUT)
        .send()
        .await;
    assert_ends_here(&ApiResponse::of_json(bare.unwrap()).await);
    for token in [
        "nonsense",
        "a b c",
        "",
        &forged,
        &tokens.text("refresh_token"),
    ] {
        assert_ends_here(&by_token(&app.visitor(), token).await);
    }
    for refresh in ["nonsense", &forged, &access] {
        let body = json!({ "refresh": refresh });
        assert_ends_here(&app.visitor().post_json(LOGOUT, &body).await);
    }
    assert!(
        ada.is_signed_in().await,
        "none of the tokens ended the session"
    );
    assert!(is_live(&app, &tokens.text("refresh_token")).await);
}

#[tokio::test]
async fn a_refresh_token_revokes_its_family_and_no_other() {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    app.add_password_user("lena@example.com");
    let first = pair(&app, "lena@example.com").await.text("refresh");
    app.clock.advance(TimeDelta::hours(23));
    let other = pair(&app, "lena@example.com").await;
    let next = app
        .visitor()
        .post_json(REFRESH, &json!({ "refresh": first }))
        .await;
    // A consumed and expired refresh token still names its family.
    app.clock.advance(TimeDelta::hours(2));
    assert_ends_here(
        &app.visitor()
            .post_json(LOGOUT, &json!({ "refresh": first }))
            .await,
    );
    assert!(!is_live(&app, &next.text("refresh")).await);
    assert!(is_live(&app, &other.text("refresh")).await);
}

#[tokio::test]
async fn a_log_out_of_a_password_session_redirects_to_the_login_page() {
    let app = TestApp::builder()
        .setting("LOGOUT_TO_LOGIN", "https://www.example.com/bye")
        .setting("LOGOUT_TO_SIGNIN", "/elsewhere")
        .start();
    let (ada, _) = signed_in(&app).await;
    let answer = ada.post_json(LOGOUT, &json!({})).await;
    assert_eq!(answer.json["redirect_to"], "/elsewhere");
    let (ada, tokens) = signed_in(&app).await;
    app.detach_sessions_from_workos();
    let local = ada.post_json("/api/auth/session", &json!({})).await;
    let answer = ada.post_json(LOGOUT, &json!({})).await;
    assert_eq!(answer.json["redirect_to"], "https://www.example.com/bye");
    assert_eq!(answer.json["workos_logout_url"], Value::Null);
    assert!(!is_live(&app, &local.text("refresh_token")).await);
    let before = is_live(&app, &tokens.text("refresh_token")).await;
    assert!(before, "the row no longer knew of those");
}

#[tokio::test]
async fn return_to_must_be_on_an_allowed_origin() {
    let spa = "https://spa.example.com";
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", spa)
        .start();
    let (ada, tokens) = signed_in(&app).await;
    let message = "Enter a URL on this site or on an allowed origin.";
    for bad in [
        "https://evil.example/",
        "https://spa.example.com.evil.example/",
        "https://spa.example.com@evil.example/",
        "https://me:secret@spa.example.com/",
        "http://spa.example.com/",
        "//spa.example.com/",
        "/signin",
        "javascript:alert(1)",
        "https://spa.example.com\\@evil.example/",
        "https://spa.example.com/a b",
    ] {
        let answer = ada.post_json(LOGOUT, &json!({ "return_to": bad })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(answer.json, json!({ "return_to": [message] }), "{bad}");
    }
    for (field, value) in [("refresh", json!(true)), ("return_to", json!([]))] {
        let answer = ada.post_json(LOGOUT, &json!({ field: value })).await;
        assert_eq!(answer.json, json!({ field: ["Not a valid string."] }));
    }
    assert!(ada.is_signed_in().await, "the session has not ended");
    for good in [format!("{}/bye?x=1", app.url), spa.to_owned()] {
        let body = json!({ "return_to": good });
        let header = format!("Bearer {}", tokens.text("access_token"));
        let answer = ada
            .post_json_with_headers(LOGOUT, &body, &[("authorization", &header)])
            .await;
        let url = Url::parse(&answer.text("workos_logout_url")).unwrap();
        assert_eq!(query(&url, "return_to"), good);
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_log_a_user_out() {
    let app = TestApp::start();
    let (ada, _) = signed_in(&app).await;
    for headers in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let answer = ada
            .post_json_with_headers(LOGOUT, &json!({}), &[headers])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert!(ada.is_signed_in().await);
}
