//! The security headers, on every kind of response.

use authkit_emulator::{Effect, Fault};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use vestibule::settings::DatabaseUrl;

use crate::support::app::{TestApp, location};

/// The headers that Django's `SecurityMiddleware` sets.
const DJANGOS: [(&str, &str); 4] = [
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];
const NEVER: &str = "max-age=0, no-cache, no-store, must-revalidate, private";

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().expect("text"))
}

fn all<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let values = response.headers().get_all(name).iter();
    values.map(|value| value.to_str().expect("text")).collect()
}

#[track_caller]
fn assert_security_headers(response: &Response, app: &TestApp, what: &str) {
    for (name, value) in DJANGOS {
        assert_eq!(all(response, name), [value], "{name} of {what}");
    }
    assert_eq!(
        all(response, "content-security-policy"),
        [policy(app)],
        "{what}"
    );
    let id = header(response, "x-request-id").expect("a request id");
    assert!(id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(header(response, "server"), None, "{what}");
}

/// The whole content security policy.
fn policy(app: &TestApp) -> String {
    let workos = app.emulator.base_url();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' https: {workos}; \
         form-action 'self' {workos}; base-uri 'none'; frame-ancestors 'none'"
    )
}

#[tokio::test]
async fn every_kind_of_response_has_the_security_headers() {
    let app = TestApp::start();
    let visitor = app.visitor();
    let style = visitor.get("/static/style.css").await;
    let etag = header(&style, "etag").expect("an ETag").to_owned();
    let kinds = [
        (200, Method::GET, "/", vec![]),
        (200, Method::HEAD, "/", vec![]),
        (200, Method::GET, "/healthz", vec![]),
        (200, Method::GET, "/readyz", vec![]),
        (200, Method::GET, "/static/style.css", vec![]),
        (204, Method::OPTIONS, "/", vec![]),
        (302, Method::GET, "/account", vec![]),
        (302, Method::GET, "/auth/login", vec![]),
        (
            304,
            Method::GET,
            "/static/style.css",
            vec![("if-none-match", etag.as_str())],
        ),
        (400, Method::GET, "/", vec![("host", "elsewhere.example")]),
        (400, Method::GET, "/auth/callback?code=x&state=y", vec![]),
        (
            403,
            Method::POST,
            "/auth/logout",
            vec![("origin", "https://elsewhere.example")],
        ),
        (404, Method::GET, "/no/such/page", vec![]),
        (404, Method::GET, "/static/no-such-file", vec![]),
        (404, Method::GET, "/api/none", vec![]),
        (405, Method::POST, "/", vec![]),
        (
            406,
            Method::GET,
            "/",
            vec![("accept-encoding", "identity;q=0, br")],
        ),
    ];
    for (status, method, target, headers) in kinds {
        let what = format!("{method} {target} {headers:?}");
        let mut request = visitor.request(method, target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{what}");
        assert_security_headers(&response, &app, &what);
    }
    let large = visitor.request(Method::POST, "/").body(vec![b'a'; 65_537]);
    let response = large.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_security_headers(&response, &app, "a large body");
}

#[tokio::test]
async fn outages_and_internal_errors_have_the_security_headers() {
    let app = TestApp::start();
    let away = Effect::status(503, json!({}));
    let endpoint = "/user_management/authenticate";
    app.workos().inject(Fault::once(endpoint, away));
    let response = app.visitor().sign_in("ada@example.com").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_security_headers(&response, &app, "WorkOS away");

    break_the_insertion_of_sessions(&app);
    let response = app.visitor().sign_in("ada@example.com").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_security_headers(&response, &app, "an internal error");
    let page = response.text().await.unwrap();
    assert!(page.contains("Something went wrong"), "{page}");
    assert!(!page.contains("constraint"), "{page}");
}

/// Adds a constraint that no row satisfies, so that inserting a session causes an internal error.
fn break_the_insertion_of_sessions(app: &TestApp) {
    use diesel::prelude::*;

    let statements: &[&str] = match app.settings.database.url {
        DatabaseUrl::Sqlite(_) => &[
            "CREATE TABLE trap (never INTEGER NOT NULL)",
            "CREATE TRIGGER trap BEFORE INSERT ON sessions BEGIN INSERT INTO trap VALUES (NULL); END",
        ],
        DatabaseUrl::Postgres(_) => {
            &["ALTER TABLE sessions ADD CONSTRAINT trap CHECK (false) NOT VALID"]
        }
    };
    for statement in statements.iter().copied() {
        app.database
            .write_blocking(|conn| {
                diesel::sql_query(statement)
                    .execute(conn)
                    .map_err(vestibule::db::DbError::from)
            })
            .unwrap();
    }
}

#[tokio::test]
async fn hsts_and_secure_cookies_are_sent_only_on_https() {
    let plain = TestApp::start();
    let response = plain.visitor().get("/auth/login").await;
    assert_eq!(header(&response, "strict-transport-security"), None);
    assert!(!all(&response, "set-cookie")[0].contains("Secure"));

    let app = TestApp::builder()
        .setting("PUBLIC_URL", "https://app.example.com")
        .start();
    let visitor = app.visitor();
    for (target, host) in [
        ("/", "app.example.com"),
        ("/auth/login", "app.example.com"),
        ("/no/such/page", "app.example.com"),
        ("/static/style.css", "app.example.com"),
        ("/healthz", "192.0.2.1"),
        ("/", "elsewhere.example"),
    ] {
        let request = visitor.request(Method::GET, target).header("host", host);
        let response = request.send().await.unwrap();
        let hsts = header(&response, "strict-transport-security");
        assert_eq!(hsts, Some("max-age=31536000"), "{target} of {host}");
        for cookie in all(&response, "set-cookie") {
            assert!(cookie.contains("; Secure"), "{cookie}");
        }
    }
}

#[tokio::test]
async fn the_policy_needs_no_entry_for_pictures_of_workos_over_https() {
    let app = TestApp::builder()
        .setting("WORKOS_API_BASE_URL", "https://api.workos.com")
        .setting("WORKOS_LOGOUT_RETURN_TO", "https://www.example.com/bye")
        .setting("LOGIN_REDIRECT_URL", "https://app.example.com/hello")
        .start();
    let response = app.visitor().get("/").await;
    assert_eq!(
        header(&response, "content-security-policy"),
        Some(
            "default-src 'none'; style-src 'self'; img-src 'self' https:; \
             form-action 'self' https://api.workos.com https://www.example.com https://app.example.com; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    );
}

#[tokio::test]
async fn responses_that_depend_on_the_session_are_never_cached() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for target in [
        "/",
        "/account",
        "/login",
        "/auth/login",
        "/no/such/page",
        "/auth/callback",
    ] {
        for visitor in [&ada, &app.visitor()] {
            let response = visitor.get(target).await;
            assert_eq!(all(&response, "cache-control"), [NEVER], "{target}");
            assert!(all(&response, "vary").contains(&"Cookie"), "{target}");
        }
    }
    let logout = ada.post("/auth/logout").await;
    assert!(location(&logout).contains("/sessions/logout"));
    assert_eq!(all(&logout, "cache-control"), [NEVER]);
}
