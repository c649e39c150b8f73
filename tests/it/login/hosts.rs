//! A login on another allowed host is redirected to `PUBLIC_URL`, where its cookie can be read.

use reqwest::header::HOST;
use reqwest::{Method, Response, StatusCode, Url};

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::steps::query;

fn port(app: &TestApp) -> u16 {
    Url::parse(&app.url).unwrap().port().unwrap()
}

async fn get_as(app: &TestApp, host: &str, path: &str) -> Response {
    let request = app.visitor().request(Method::GET, path).header(HOST, host);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_login_on_another_allowed_host_continues_on_the_public_host() {
    let app = TestApp::start();
    let ada = app.visitor();
    let elsewhere = format!("http://127.0.0.1:{}", port(&app));
    let begun = format!("{elsewhere}/auth/login?next=%2Faccount%3Fa%3D1&screen_hint=sign-up&x=%26");
    let response = ada.get(&begun).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(set_cookies(&response).is_empty(), "no cookie is stranded");
    let moved = Url::parse(&location(&response)).unwrap();
    assert_eq!(moved.origin().ascii_serialization(), app.url);
    assert_eq!(moved.path(), "/auth/login");
    assert_eq!(query(&moved, "next"), "/account?a=1");
    assert_eq!(query(&moved, "screen_hint"), "sign-up");
    assert_eq!(query(&moved, "x"), "&");

    let authorize = ada.start_login(moved.as_str()).await;
    assert_eq!(query(&authorize, "screen_hint"), "sign-up");
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    assert_eq!(callback.origin().ascii_serialization(), app.url);
    let response = ada.get(callback.as_str()).await;
    assert_eq!(location(&response), "/account?a=1");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_login_is_redirected_once_behind_a_proxy_that_rewrites_the_host() {
    let app = TestApp::start();
    let rewritten = format!("127.0.0.1:{}", port(&app));
    let response = get_as(&app, &rewritten, "/auth/login?next=%2Fa").await;
    let moved = Url::parse(&location(&response)).unwrap();
    let target = format!("{}?{}", moved.path(), moved.query().unwrap());
    let response = get_as(&app, &rewritten, &target).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let authorize = location(&response);
    assert!(
        authorize.starts_with(&app.emulator.base_url()),
        "{authorize}"
    );
}

#[tokio::test]
async fn the_public_host_is_not_redirected_in_any_case() {
    let app = TestApp::start();
    for host in ["localhost", "LOCALHOST"] {
        let host = format!("{host}:{}", port(&app));
        let response = get_as(&app, &host, "/auth/login").await;
        assert!(location(&response).starts_with(&app.emulator.base_url()));
    }
}

#[tokio::test]
async fn loopback_names_are_redirected_and_unknown_hosts_refused() {
    let app = TestApp::start();
    for host in ["127.0.0.1", "[::1]", "app.localhost"] {
        let host = format!("{host}:{}", port(&app));
        let response = get_as(&app, &host, "/auth/login").await;
        assert!(location(&response).starts_with(&app.url), "{host}");
    }
    for host in ["evil.example", "localhost.evil.example"] {
        let response = get_as(&app, host, "/auth/login").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{host}");
        assert!(set_cookies(&response).is_empty());
    }
}
