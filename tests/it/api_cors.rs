//! CORS: only pages of listed origins may read the responses of the API.

use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use vestibule::db::Conn;

use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::program::Program;
use crate::support::tokens::write_private_key;

const SPA: &str = "https://spa.example.com";
const OTHER: &str = "https://spa.example.com.evil.example";

fn app() -> TestApp {
    TestApp::builder()
        .setting(
            "CORS_ALLOWED_ORIGINS",
            &format!("https://first.example, {SPA}"),
        )
        .start()
}

async fn preflight(visitor: &Visitor, target: &str, origin: &str) -> Response {
    visitor
        .request(Method::OPTIONS, target)
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .send()
        .await
        .unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    Some(response.headers().get(name)?.to_str().unwrap())
}

fn varies(response: &Response) -> String {
    let lines = response.headers().get_all("vary").iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    lines.join(", ")
}

#[track_caller]
fn assert_cors_headers(response: &Response, what: &str) {
    assert_eq!(
        header(response, "access-control-allow-origin"),
        Some(SPA),
        "{what}"
    );
    assert_eq!(
        header(response, "access-control-allow-credentials"),
        Some("true"),
        "{what}"
    );
    assert!(varies(response).contains("Origin"), "{what}");
}

#[track_caller]
fn assert_no_cors_headers(response: &Response, what: &str) {
    let mut names = response.headers().keys().map(|name| name.as_str());
    let found = names.find(|name| name.starts_with("access-control-"));
    assert_eq!(found, None, "{what}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_any_other_check() {
    let app = app();
    let visitor = app.visitor();
    for target in ["/api/token", "/api/token/", "/api/users/me", "/api/nowhere"] {
        let response = preflight(&visitor, target, SPA).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{target}");
        assert_cors_headers(&response, target);
        let methods = header(&response, "access-control-allow-methods");
        assert_eq!(methods, Some("GET, HEAD, POST, OPTIONS"));
        let headers = header(&response, "access-control-allow-headers").unwrap();
        for name in [
            "authorization",
            "content-type",
            "traceparent",
            "sentry-trace",
        ] {
            assert!(headers.contains(name), "{headers}");
        }
        assert_eq!(header(&response, "access-control-max-age"), Some("86400"));
        assert_eq!(header(&response, "set-cookie"), None);
    }
    let request = visitor.request(Method::OPTIONS, "/api/token");
    let request = request
        .header("host", "elsewhere.example")
        .header("origin", SPA);
    let asked = request.header("access-control-request-method", "POST");
    let response = asked.send().await.unwrap();
    assert_eq!(
        response.status(),
        StatusCode::NO_CONTENT,
        "before the host is checked"
    );
    assert_cors_headers(&response, "another host");
}

#[tokio::test]
async fn an_unlisted_origin_gets_no_cors_headers() {
    let app = app();
    let visitor = app.visitor();
    for origin in [
        OTHER,
        "null",
        "http://spa.example.com",
        "https://spa.example.com:444",
        "",
    ] {
        let response = preflight(&visitor, "/api/token", origin).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{origin}");
        assert_no_cors_headers(&response, origin);
        assert!(varies(&response).contains("Origin"), "{origin}");
        let request = visitor.request(Method::GET, "/api/users/me");
        let response = request.header("origin", origin).send().await.unwrap();
        assert_no_cors_headers(&response, origin);
        assert!(varies(&response).contains("Origin"), "{origin}");
    }
    let plain = visitor.get("/api/users/me").await;
    assert_no_cors_headers(&plain, "no origin");
    assert!(
        varies(&plain).contains("Origin"),
        "a cache must not serve it to a page"
    );
}

#[tokio::test]
async fn pages_have_no_cors_headers() {
    let app = app();
    for target in ["/", "/auth/login", "/apis", "/static/spa.html"] {
        let request = app.visitor().request(Method::GET, target);
        let response = request.header("origin", SPA).send().await.unwrap();
        assert_no_cors_headers(&response, target);
        let response = preflight(&app.visitor(), target, SPA).await;
        assert_no_cors_headers(&response, target);
    }
}

#[tokio::test]
async fn without_listed_origins_there_are_no_cors_headers() {
    let app = TestApp::start();
    let response = preflight(&app.visitor(), "/api/token", SPA).await;
    assert_no_cors_headers(&response, "no origin is listed");
    assert_eq!(
        header(&response, "allow"),
        Some("POST, OPTIONS"),
        "the response of the route"
    );
    assert!(!varies(&response).contains("Origin"));
}

/// Anybody may read the public keys and the document, without credentials.
#[tokio::test]
async fn public_documents_are_readable_for_every_origin() {
    let folder = tempfile::tempdir().unwrap();
    let key = write_private_key(folder.path(), "ES256");
    let builder = || {
        TestApp::builder()
            .setting("JWT_ALGORITHM", "ES256")
            .setting("JWT_SIGNING_KEY", &key)
    };
    let listed = builder().setting("CORS_ALLOWED_ORIGINS", SPA).start();
    for app in [&builder().start(), &listed] {
        for target in ["/.well-known/jwks.json", "/api/schema", "/api/schema/"] {
            for origin in [OTHER, "null", "capacitor://localhost"] {
                let request = app.visitor().request(Method::GET, target);
                let response = request.header("origin", origin).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                let allowed = header(&response, "access-control-allow-origin");
                assert_eq!(allowed, Some("*"), "{target} {origin}");
                let credentials = header(&response, "access-control-allow-credentials");
                assert_eq!(credentials, None, "{target} {origin}");
            }
        }
    }
    let request = listed.visitor().request(Method::GET, "/api/schema");
    let response = request.header("origin", SPA).send().await.unwrap();
    assert_cors_headers(&response, "a listed origin");
}

#[tokio::test]
async fn installed_applications_and_patterns_may_be_allowed() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", "capacitor://localhost")
        .setting(
            "CORS_ALLOWED_ORIGIN_REGEXES",
            r"^https://pr-\d{1,4}\.example\.com",
        )
        .setting("CORS_ALLOW_HEADERS", "Content-Type, X-Mine")
        .setting("CORS_EXPOSE_HEADERS", "X-Request-Id")
        .setting("CORS_PREFLIGHT_MAX_AGE", "0")
        .start();
    let visitor = app.visitor();
    for origin in ["capacitor://localhost", "https://pr-12.example.com"] {
        let response = preflight(&visitor, "/api/token", origin).await;
        let allowed = header(&response, "access-control-allow-origin");
        assert_eq!(allowed, Some(origin));
        let headers = header(&response, "access-control-allow-headers");
        assert_eq!(headers, Some("Content-Type, X-Mine"));
        assert_eq!(header(&response, "access-control-max-age"), None);
        let request = visitor.request(Method::POST, "/api/auth/logout");
        let request = request.header("origin", origin);
        let request = request.header("sec-fetch-site", "cross-site");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{origin}");
        let exposed = header(&response, "access-control-expose-headers");
        assert_eq!(exposed, Some("X-Request-Id"));
    }
    for origin in [
        "ionic://localhost",
        "capacitor://localhost.evil.example",
        "https://pr-12.example.com.evil.example",
        "https://pr-12345.example.com",
    ] {
        let response = preflight(&visitor, "/api/token", origin).await;
        assert_no_cors_headers(&response, origin);
        let request = visitor.request(Method::POST, "/api/auth/logout");
        let request = request.header("origin", origin);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
    }
}

#[test]
fn an_asterisk_in_an_origin_is_an_error_with_a_hint() {
    let output = Program::with_settings(&["check"])
        .env("CORS_ALLOWED_ORIGINS", "https://*.example.com")
        .run()
        .exits_with(1);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("CORS_ALLOWED_ORIGINS"), "{said}");
    assert!(said.contains("CORS_ALLOWED_ORIGIN_REGEXES"), "{said}");
}

#[tokio::test]
async fn every_error_response_has_cors_headers() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", SPA)
        .setting("THROTTLE_LOGIN", "1/min")
        .start();
    app.add_password_user("lena@example.com");
    let visitor = app.visitor();
    let large = "x".repeat(70_000);
    let get = Method::GET;
    let post = Method::POST;
    for (status, method, target, kind, body, host) in [
        (
            200,
            &post,
            "/api/token",
            "application/json",
            json!({"email": "lena@example.com", "password": PASSWORD}).to_string(),
            None,
        ),
        (415, &post, "/api/token", "text/plain", "x".to_owned(), None),
        (
            400,
            &post,
            "/api/auth/workos/callback",
            "application/json",
            json!({ "code": "made-up" }).to_string(),
            None,
        ),
        (
            429,
            &post,
            "/api/token",
            "application/json",
            "{}".to_owned(),
            None,
        ),
        (401, &get, "/api/users/me", "", String::new(), None),
        (404, &get, "/api/nowhere", "", String::new(), None),
        (405, &get, "/api/token", "", String::new(), None),
        (
            400,
            &post,
            "/api/token/refresh",
            "application/json",
            "{".to_owned(),
            None,
        ),
        (
            413,
            &post,
            "/api/token/refresh",
            "application/json",
            large,
            None,
        ),
        (
            400,
            &get,
            "/api/users/me",
            "",
            String::new(),
            Some("elsewhere.example"),
        ),
    ] {
        let mut request = visitor
            .request(method.clone(), target)
            .header("origin", SPA);
        if !kind.is_empty() {
            request = request.header("content-type", kind).body(body);
        }
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{target}");
        assert_cors_headers(&response, &format!("{status} of {target}"));
        let exposed = header(&response, "access-control-expose-headers");
        assert_eq!(exposed, Some("Retry-After, WWW-Authenticate, X-Request-Id"));
    }
}

#[tokio::test]
async fn an_internal_error_has_cors_headers() {
    let app = app();
    let ada = app.signed_in("ada@example.com").await;
    app.change(|conn: &mut Conn| {
        use diesel::connection::SimpleConnection;
        conn.batch_execute("DROP TABLE refresh_tokens")
    });
    let request = ada.request(Method::POST, "/api/auth/session");
    let response = request.header("origin", SPA).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_cors_headers(&response, "500");
}
