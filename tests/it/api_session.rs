//! `POST /api/auth/session`: tokens for a signed-in browser, which are revoked with its session.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::db::schema::sessions;

use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor};
use crate::support::tokens::token_claims;

const SESSION: &str = "/api/auth/session";
const REFRESH: &str = "/api/token/refresh";

async fn begin(visitor: &Visitor) -> ApiResponse {
    visitor.post_json(SESSION, &json!({})).await
}

#[track_caller]
fn assert_not_signed_in(answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"api\"")
    );
    let detail = "Authentication credentials were not provided.";
    assert_eq!(answer.json, json!({ "detail": detail }));
}

#[track_caller]
fn assert_session_ended(app: &TestApp, answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("www-authenticate").is_some());
    let expected = json!({
        "detail": "Your session has ended. Please log in again.",
        "code": "session_ended",
        "sign_in_url": format!("{}/auth/login", app.url),
    });
    assert_eq!(answer.json, expected);
}

async fn refreshed(app: &TestApp, token: &str) -> ApiResponse {
    app.visitor()
        .post_json(REFRESH, &json!({ "refresh": token }))
        .await
}

#[track_caller]
fn assert_blacklisted(answer: &ApiResponse) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.json);
    assert_eq!(answer.json["detail"], "Token is blacklisted");
}

#[tokio::test]
async fn a_signed_in_browser_gets_tokens_with_its_workos_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let answer = begin(&ada).await;
    assert_eq!(answer.status, StatusCode::OK);
    let user = app.user("ada@example.com");
    let (access, refresh) = (answer.text("access_token"), answer.text("refresh_token"));
    let whole = json!({
        "access_token": access,
        "refresh_token": refresh,
        "user": { "id": user.id, "email": "ada@example.com", "first_name": "Ada", "last_name": "Example" },
    });
    assert_eq!(answer.json, whole);
    let sid = app.only_session().workos_sid.unwrap().to_string();
    for token in [&access, &refresh] {
        assert_eq!(token_claims(token)["sid"], sid);
        assert!(token_claims(token).get("act").is_none());
    }
    // Without the browser's cookies, so that only the token authenticates the request.
    let me = app.visitor().get_me_with_token(&access).await;
    assert_eq!(me.json["email"], "ada@example.com");
    assert_eq!(refreshed(&app, &refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_session_there_are_no_tokens() {
    let app = TestApp::start();
    assert_not_signed_in(&begin(&app.visitor()).await);
    let ada = app.signed_in("ada@example.com").await;
    let token = begin(&ada).await.text("access_token");
    let by_token = [("authorization", format!("Bearer {token}"))];
    let headers = by_token
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_not_signed_in(
        &app.visitor()
            .post_json_with_headers(SESSION, &json!({}), &headers)
            .await,
    );
    let answer = ada
        .post_json_with_headers(SESSION, &json!({}), &[("authorization", "Bearer a b c")])
        .await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "the header is not read by this route"
    );
    let get = ada.request(Method::GET, SESSION).send().await.unwrap();
    let get = ApiResponse::of_json(get).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.header("allow"), Some("POST, OPTIONS"));
}

#[tokio::test]
async fn only_pages_of_this_site_get_tokens() {
    let spa = "https://spa.example.com";
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", spa)
        .start();
    let ada = app.signed_in("ada@example.com").await;
    for (name, value, passes) in [
        ("sec-fetch-site", "same-origin", true),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "cross-site", false),
        ("origin", spa, true),
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
    ] {
        let answer = ada
            .post_json_with_headers(SESSION, &json!({}), &[(name, value)])
            .await;
        let wanted = if passes {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(answer.status, wanted, "{name}: {value}");
    }
    assert_eq!(
        app.refresh_token_rows().len(),
        2,
        "one pair for each accepted request"
    );
}

#[tokio::test]
async fn tokens_of_an_impersonated_session_name_the_actor_and_end_with_it() {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let support = app.signed_in("imogen@example.com").await;
    let end = app.only_session().expires_at;
    app.clock.advance(TimeDelta::minutes(50));
    let answer = begin(&support).await;
    let refresh = answer.text("refresh_token");
    for token in [&answer.text("access_token"), &refresh] {
        assert_eq!(
            token_claims(token)["act"],
            json!({ "sub": "support@example.com" })
        );
    }
    assert_eq!(token_claims(&refresh)["exp"], end.seconds());
    let next = refreshed(&app, &refresh).await.text("refresh");
    assert_eq!(
        token_claims(&next)["exp"],
        end.seconds(),
        "rotation does not extend it"
    );
    app.clock.advance(TimeDelta::minutes(11));
    let late = refreshed(&app, &next).await;
    assert_eq!(late.json["detail"], "Token is expired");
}

#[tokio::test]
async fn a_session_that_was_revoked_in_the_database_gets_no_tokens() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let now = app.now();
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::revoked_at.eq(Some(now)))
            .execute(conn)
    });
    assert_session_ended(&app, &begin(&ada).await);
    assert!(app.refresh_token_rows().is_empty());
}

#[tokio::test]
async fn an_inactive_account_gets_no_tokens() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.set_active(app.user("ada@example.com").id, false);
    assert_session_ended(&app, &begin(&ada).await);
    assert!(app.refresh_token_rows().is_empty());
}

#[tokio::test]
async fn a_log_out_in_the_browser_revokes_the_tokens() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let answer = begin(&ada).await;
    let others = app.signed_in("olive@example.com").await;
    let other = begin(&others).await;
    ada.post("/auth/logout").await;
    assert_blacklisted(&refreshed(&app, &answer.text("refresh_token")).await);
    let me = app
        .visitor()
        .get_me_with_token(&answer.text("access_token"))
        .await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
    let other = refreshed(&app, &other.text("refresh_token")).await;
    assert_eq!(
        other.status,
        StatusCode::OK,
        "the session of another user stays open"
    );
}

#[tokio::test]
async fn tokens_of_a_password_session_end_with_it_too() {
    let app = TestApp::builder()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    let olive = app.signed_in("olive@example.com").await;
    app.detach_sessions_from_workos();
    let answer = begin(&ada).await;
    let other = begin(&olive).await.text("refresh_token");
    let refresh = answer.text("refresh_token");
    assert!(
        token_claims(&refresh).get("sid").is_none(),
        "the tokens have no WorkOS session"
    );
    let next = refreshed(&app, &refresh).await.text("refresh");
    assert!(token_claims(&next).get("sid").is_none());
    ada.post("/auth/logout").await;
    assert_blacklisted(&refreshed(&app, &next).await);
    assert_eq!(refreshed(&app, &other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_sign_in_revokes_the_tokens_of_the_session_that_it_replaces() {
    let app = TestApp::start();
    let visitor = app.signed_in("ada@example.com").await;
    let before = begin(&visitor).await.text("refresh_token");
    visitor.sign_in("olive@example.com").await;
    assert_blacklisted(&refreshed(&app, &before).await);
    let after = begin(&visitor).await;
    assert_eq!(after.json["user"]["email"], "olive@example.com");
    let me = app
        .visitor()
        .get_me_with_token(&after.text("access_token"))
        .await;
    assert_eq!(me.status, StatusCode::OK);
}

#[tokio::test]
async fn the_tokens_of_one_session_are_limited() {
    let app = TestApp::builder()
        .setting("THROTTLE_REFRESH", "1/min")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    for _ in 0..5 {
        assert_eq!(begin(&ada).await.status, StatusCode::OK);
    }
    let throttled = begin(&ada).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.header("retry-after"), Some("3600"));
    assert_eq!(app.refresh_token_rows().len(), 5);
    let other = app.signed_in("ada@example.com").await;
    assert_eq!(
        begin(&other).await.status,
        StatusCode::OK,
        "another session"
    );
    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(begin(&ada).await.status, StatusCode::OK);
}
