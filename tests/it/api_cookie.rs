//! The cookie policy: which responses set which cookies, which routes read them, and their removal.

mod families;
mod identity;
mod left_behind;

use chrono::TimeDelta;
use reqwest::StatusCode;
use reqwest::header::HOST;
use serde_json::{Value, json};

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};
use crate::support::steps::{is_removal, query};

const NAME: &str = "tofu-web";
const REFRESH_NAME: &str = "tofu-web-refresh";
const TOKEN: &str = "/api/token";
const REFRESH: &str = "/api/token/refresh";
const BLACKLIST: &str = "/api/token/blacklist";
const LOGOUT: &str = "/api/auth/logout";

fn app(refresh: &str) -> TestApp {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", NAME)
        .setting("AUTH_COOKIE_REFRESH", refresh)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    app.add_password_user("lena@example.com");
    app
}

fn credentials() -> Value {
    json!({ "email": "lena@example.com", "password": PASSWORD })
}

async fn signed_in(app: &TestApp) -> (Visitor, ApiResponse) {
    let visitor = app.visitor();
    let answer = visitor.post_json(TOKEN, &credentials()).await;
    assert_eq!(answer.status, StatusCode::OK);
    (visitor, answer)
}

#[track_caller]
fn keys(answer: &ApiResponse) -> Vec<&String> {
    answer.json.as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn the_access_token_is_in_a_cookie_and_the_refresh_token_is_not_sent() {
    let app = app("false");
    let (visitor, answer) = signed_in(&app).await;
    assert_eq!(keys(&answer), ["access"]);
    let line = answer.set_cookie(NAME).unwrap();
    let access = answer.text("access");
    let whole = format!("{NAME}={access}; HttpOnly; SameSite=Lax; Path=/; Max-Age=86400");
    assert_eq!(line, whole);
    assert_eq!(answer.set_cookie(REFRESH_NAME), None);
    let missing = visitor.post_json(REFRESH, &json!({})).await;
    assert_eq!(
        missing.json,
        json!({ "refresh": ["This field is required."] })
    );
    let ada = app.signed_in("ada@example.com").await;
    let answer = ada.post_json("/api/auth/session", &json!({})).await;
    assert_eq!(keys(&answer), ["access_token", "user"]);
    assert!(answer.set_cookie(NAME).is_some());
}

#[tokio::test]
async fn the_second_cookie_holds_the_refresh_token() {
    let app = app("true");
    let (visitor, answer) = signed_in(&app).await;
    assert_eq!(keys(&answer), ["access"]);
    let line = answer.set_cookie(REFRESH_NAME).unwrap().to_owned();
    assert!(
        line.ends_with("; HttpOnly; SameSite=Lax; Path=/api; Max-Age=86400"),
        "{line}"
    );
    assert_eq!(
        visitor.cookie("/", REFRESH_NAME),
        None,
        "only sent to the API"
    );
    let first = visitor.cookie(TOKEN, REFRESH_NAME).unwrap();

    let next = visitor.post_json(REFRESH, &json!({})).await;
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(keys(&next), ["access"]);
    assert_eq!(visitor.cookie("/", NAME), Some(next.text("access")));
    let second = visitor.cookie(TOKEN, REFRESH_NAME).unwrap();
    assert_ne!(first, second);

    let shown = visitor
        .post_json(BLACKLIST, &json!({ "refresh": "nonsense" }))
        .await;
    assert_eq!(
        shown.status,
        StatusCode::UNAUTHORIZED,
        "the body takes precedence"
    );
    assert_eq!(
        visitor.post_json(BLACKLIST, &json!({})).await.status,
        StatusCode::OK
    );
    let ended = visitor.post_json(REFRESH, &json!({})).await;
    assert_eq!(ended.json["detail"], "Token is blacklisted");
}

#[tokio::test]
async fn the_cookie_is_used_when_there_is_no_authorization_header() {
    let app = app("true");
    let (visitor, answer) = signed_in(&app).await;
    let me = visitor.get_me().await;
    assert_eq!(me.json["email"], "lena@example.com");
    let wrong = visitor.get_me_with_token("nonsense").await;
    assert_eq!(
        wrong.status,
        StatusCode::UNAUTHORIZED,
        "the header takes precedence"
    );

    app.clock.advance(TimeDelta::minutes(6));
    let expired = visitor.get_me().await;
    assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        expired.header("www-authenticate"),
        Some("Bearer realm=\"api\"")
    );
    assert_eq!(expired.json["messages"][0]["message"], "Token is expired");
    let by_header = app
        .visitor()
        .get_me_with_token(&answer.text("access"))
        .await;
    assert_eq!(expired.json, by_header.json, "as in the header");
    visitor.post_json(REFRESH, &json!({})).await;
    assert_eq!(visitor.get_me().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_log_out_removes_both_cookies_and_revokes_the_family() {
    let app = app("true");
    let (visitor, _) = signed_in(&app).await;
    let refresh = visitor.cookie(TOKEN, REFRESH_NAME).unwrap();
    let answer = visitor.post_json(LOGOUT, &json!({})).await;
    for (name, path) in [(NAME, "Path=/;"), (REFRESH_NAME, "Path=/api;")] {
        let line = answer.set_cookie(name).unwrap();
        assert!(is_removal(line) && line.contains(path), "{line}");
        assert_eq!(visitor.cookie(TOKEN, name), None);
    }
    let body = json!({ "refresh": refresh });
    let ended = app.visitor().post_json(REFRESH, &body).await;
    assert_eq!(ended.json["detail"], "Token is blacklisted");
    assert_eq!(visitor.get_me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_log_out_reads_the_session_from_an_expired_token_in_the_cookie() {
    let app = app("false");
    let ada = app.signed_in("ada@example.com").await;
    let answer = ada.post_json("/api/auth/session", &json!({})).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.clock.advance(TimeDelta::hours(1));
    let cookie = format!("{NAME}={}", answer.text("access_token"));
    let elsewhere = app.visitor();
    let answer = elsewhere
        .post_json_with_headers(LOGOUT, &json!({}), &[("cookie", &cookie)])
        .await;
    let url = reqwest::Url::parse(&answer.text("workos_logout_url")).unwrap();
    assert_eq!(query(&url, "session_id"), sid);
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn the_cookies_are_secure_on_https() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "__Host-tofu")
        .setting("AUTH_COOKIE_REFRESH", "true")
        .setting("PUBLIC_URL", "https://app.example.com")
        .start();
    app.add_password_user("lena@example.com");
    let host = [(HOST.as_str(), "app.example.com")];
    let answer = app
        .visitor()
        .post_json_with_headers(TOKEN, &credentials(), &host)
        .await;
    for name in ["__Host-tofu", "__Secure-tofu-refresh"] {
        let line = answer.set_cookie(name).unwrap();
        assert!(line.contains("; Secure"), "{line}");
        assert!(!line.contains("Domain"), "{line}");
    }
}

#[tokio::test]
async fn without_the_policy_nothing_is_set_and_no_cookie_is_read() {
    let app = TestApp::start();
    app.add_password_user("lena@example.com");
    let (visitor, answer) = signed_in(&app).await;
    assert_eq!(keys(&answer), ["access", "refresh"]);
    assert_eq!(answer.header("set-cookie"), None);
    let refresh = format!("{REFRESH_NAME}={}", answer.text("refresh"));
    let missing = visitor
        .post_json_with_headers(REFRESH, &json!({}), &[("cookie", &refresh)])
        .await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    let access = format!("{NAME}={}", answer.text("access"));
    let me = visitor.get_with_cookies("/api/users/me", &access).await;
    assert_eq!(me.status(), StatusCode::UNAUTHORIZED);
}

/// If a cookie of another application on this host hid ours, a log-out would revoke nothing.
#[tokio::test]
async fn a_malformed_cookie_of_another_application_does_not_hide_ours() {
    let app = app("true");
    let (visitor, _) = signed_in(&app).await;
    let refresh = visitor.cookie(TOKEN, REFRESH_NAME).unwrap();
    let access = visitor.cookie("/", NAME).unwrap();
    let ours = format!("{NAME}=; {NAME}={access}; {REFRESH_NAME}={refresh}");
    let line = [b"name=Zo\xeb; ".as_slice(), ours.as_bytes()].concat();
    let me = app
        .visitor()
        .get_with_cookie_bytes("/api/users/me", &line)
        .await;
    assert_eq!(me.status(), StatusCode::OK);
    let logout = app.visitor().request(reqwest::Method::POST, LOGOUT).header(
        "cookie",
        reqwest::header::HeaderValue::from_bytes(&line).unwrap(),
    );
    assert_eq!(logout.send().await.unwrap().status(), StatusCode::OK);
    let body = json!({ "refresh": refresh });
    let ended = app.visitor().post_json(REFRESH, &body).await;
    assert_eq!(ended.json["detail"], "Token is blacklisted");
}

/// Pages that never saw the token send null or an empty text.
#[tokio::test]
async fn null_and_blank_count_as_a_missing_refresh_token() {
    let app = app("true");
    for nothing in [
        json!({}),
        json!({ "refresh": null }),
        json!({ "refresh": " " }),
    ] {
        let (visitor, _) = signed_in(&app).await;
        for path in [REFRESH, BLACKLIST] {
            let answer = visitor.post_json(path, &nothing).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {nothing}");
        }
    }
    let without = app
        .visitor()
        .post_json(REFRESH, &json!({ "refresh": null }))
        .await;
    assert_eq!(
        without.json,
        json!({ "refresh": ["This field may not be null."] })
    );
}

/// Web views have origins that cannot be listed, and these routes neither read nor set a cookie.
#[tokio::test]
async fn routes_without_cookies_accept_requests_from_any_site() {
    let foreign = [("origin", "capacitor://localhost")];
    let paths = [
        "/api/token/verify",
        REFRESH,
        BLACKLIST,
        TOKEN,
        "/api/token/",
        "/api/auth/workos/callback",
        LOGOUT,
        "/api/auth/session",
    ];
    let statuses = async |app: &TestApp| {
        let mut statuses = Vec::new();
        for path in paths {
            let answer = app
                .visitor()
                .post_json_with_headers(path, &json!({}), &foreign)
                .await;
            statuses.push(answer.status.as_u16());
        }
        statuses
    };
    assert_eq!(
        statuses(&TestApp::start()).await,
        [400, 400, 400, 400, 400, 400, 403, 403]
    );
    assert_eq!(
        statuses(&app("false")).await,
        [400, 403, 400, 403, 403, 403, 403, 403]
    );
    assert_eq!(
        statuses(&app("true")).await,
        [400, 403, 403, 403, 403, 403, 403, 403]
    );
}
