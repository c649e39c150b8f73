//! `next`: where a sign-in returns to, which is never another site.

use reqwest::StatusCode;

use crate::support::app::{TestApp, location};
use crate::support::steps::login_with_next;

async fn landing(app: &TestApp, next: &str) -> String {
    let ada = app.visitor();
    let authorize = ada.start_login(&login_with_next(next)).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{next}");
    location(&response)
}

#[tokio::test]
async fn a_sign_in_returns_to_a_next_on_this_site() {
    let app = TestApp::start();
    for (next, lands) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a?next=//evil", "/a?next=//evil"),
        ("?x=1", "/?x=1"),
        ("/account?tab=1&q=a b", "/account?tab=1&q=a%20b"),
    ] {
        assert_eq!(landing(&app, next).await, lands, "{next}");
    }
}

#[tokio::test]
async fn a_next_on_another_site_is_replaced_by_home() {
    let app = TestApp::start();
    let long = format!("/{}", "a".repeat(2_048));
    let other_port = format!("{}0/", app.url);
    let user_info = format!("{}@evil.example/", app.url);
    for next in [
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http:///evil.example",
        "http://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/a\nb",
        "/a\u{0}",
        "/a\u{7f}",
        "\t//evil.example",
        " //evil.example",
        "/.//evil.example",
        &long,
        &other_port,
        &user_info,
    ] {
        assert_eq!(landing(&app, next).await, "/", "{next:?}");
    }
}

#[tokio::test]
async fn without_a_next_a_sign_in_returns_to_login_redirect_url() {
    let app = TestApp::builder()
        .setting("LOGIN_REDIRECT_URL", "/account")
        .start();
    let ada = app.visitor();
    assert_eq!(location(&ada.sign_in("ada@example.com").await), "/account");
    assert_eq!(landing(&app, "//evil.example").await, "/account");
    assert_eq!(landing(&app, "/").await, "/");
}

#[tokio::test]
async fn a_sign_in_returns_to_the_protected_page() {
    let app = TestApp::start();
    let ada = app.visitor();
    let response = ada.get("/account").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/auth/login?next=%2Faccount");
    let authorize = ada.start_login(&location(&response)).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(location(&response), "/account");
    let page = ada.page("/account").await;
    assert!(page.contains("ada@example.com"), "{page}");

    let response = app.visitor().get("/account/?a=1&b=%2F").await;
    let wanted = "/auth/login?next=%2Faccount%2F%3Fa%3D1%26b%3D%252F";
    assert_eq!(location(&response), wanted);
}

#[tokio::test]
async fn signin_redirects_to_the_login_with_its_query() {
    let app = TestApp::start();
    let response = app.visitor().get("/signin?next=%2Fa&x=1").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/auth/login?next=%2Fa&x=1");
    assert_eq!(
        location(&app.visitor().get("/signin/").await),
        "/auth/login"
    );
}
