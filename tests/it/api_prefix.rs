//! `API_PREFIX`: the JSON API below another path.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api_schema::committed;
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::TestApp;
use crate::support::program::Program;

const SPA: &str = "https://spa.example.com";

#[tokio::test]
async fn every_route_moves_with_its_errors_cookies_and_cors_headers() {
    let (app, _) = TestApp::builder()
        .setting("API_PREFIX", "/v2/users/")
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .setting("AUTH_COOKIE_REFRESH", "true")
        .setting("CORS_ALLOWED_ORIGINS", SPA)
        .start_with_user();
    let visitor = app.visitor();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let pair = visitor.post_json("/v2/users/token/", &body).await;
    assert_eq!(pair.status, 200);
    let cookie = pair.set_cookie("tofu-web-refresh").unwrap();
    assert!(cookie.contains("Path=/v2/users;"), "{cookie}");
    let refreshed = visitor
        .post_json("/v2/users/token/refresh", &json!({}))
        .await;
    assert_eq!(refreshed.status, 200, "the cookie is sent");
    let me = visitor.request(Method::GET, "/v2/users/users/me");
    assert_eq!(ApiResponse::of_request(me).await.status, 200);
    let missing = visitor.request(Method::GET, "/v2/users/nothing");
    let missing = ApiResponse::of_request(missing.header("origin", SPA)).await;
    assert_eq!(missing.body, r#"{"detail":"Not found."}"#);
    assert_eq!(missing.header("access-control-allow-origin"), Some(SPA));
    for path in ["/api/token", "/api/users/me", "/v2/usersx/token"] {
        let request = visitor.request(Method::GET, path).header("origin", SPA);
        let gone = request.send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NOT_FOUND, "{path}");
        let kind = gone.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        assert!(!gone.headers().contains_key("access-control-allow-origin"));
    }
    let verify = json!({ "token": pair.text("access") });
    let foreign = [("origin", "capacitor://localhost")];
    let verified = visitor
        .post_json_with_headers("/v2/users/token/verify", &verify, &foreign)
        .await;
    assert_eq!(verified.status, 200, "spared from the cross-site check");
}

fn paths(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap().keys();
    paths.cloned().collect()
}

#[tokio::test]
async fn the_document_and_its_page_follow_the_prefix() {
    let app = TestApp::builder()
        .setting("API_PREFIX", "/v2")
        .setting("GOOGLE_CLIENT_ID", "made-up")
        .setting("OKTA_CLIENT_ID", "made-up")
        .setting("OKTA_ISSUER", "https://okta.example.com")
        .setting("WORKOS_TOKEN_ROUTE", "true")
        .start();
    let moved: Vec<_> = paths(&committed())
        .iter()
        .map(|path| path.replacen("/api/", "/v2/", 1))
        .collect();
    let served = app.visitor().request(Method::GET, "/v2/schema");
    assert_eq!(paths(&ApiResponse::of_request(served).await.json), moved);
    let page = app.visitor().page("/v2/docs").await;
    assert!(
        page.contains("/v2/token/refresh") && !page.contains("/api/"),
        "{page}"
    );
    let printed = Program::new(&["openapi"]).env("API_PREFIX", "/v2").run();
    let printed = printed.exits_with(0).stdout;
    assert_eq!(paths(&serde_json::from_str(&printed).unwrap()), moved);
    assert!(!printed.contains("/api/"), "{printed}");
}

#[test]
fn a_prefix_that_hides_pages_is_an_error() {
    for prefix in ["/auth", "api", "/"] {
        let output = Program::with_settings(&["check"])
            .env("API_PREFIX", prefix)
            .run()
            .exits_with(1);
        assert!(output.stderr.contains("API_PREFIX"), "{output:#?}");
    }
}
