//! A link on another site does not replace a session without a question.

use reqwest::header::REFERER;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::json;

use crate::account_sessions::ADA;
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{obtain_callback_url, set_cookie, with_query};

const SITE: &str = "Sec-Fetch-Site";
const EVIL: &str = "https://evil.example/page";

async fn send(visitor: &Visitor, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = visitor.request(Method::GET, target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// Sends a request as a browser does that follows redirects: with the same headers.
async fn follow_own_redirects(
    visitor: &Visitor,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut response = send(visitor, target, headers).await;
    while response.status() == StatusCode::FOUND && location(&response).starts_with('/') {
        response = send(visitor, &location(&response), headers).await;
    }
    response
}

/// Asserts that the page asks, and returns the address that continues.
async fn continuation(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(set_cookie(&response, "sessionid"), None);
    let page = response.text().await.unwrap();
    assert!(page.contains("Log in again?"), "{page}");
    let end = page.find(r#"">Continue to log in</a>"#).unwrap();
    let start = page[..end].rfind("href=\"").unwrap() + 6;
    page[start..end].replace("&#38;", "&")
}

#[tokio::test]
async fn a_link_on_another_site_asks_first_by_every_address() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for target in [
        "/auth/login?login_hint=bob%40example.com",
        "/auth/login?connection_id=conn_evil&next=/account",
        "/auth/login/?invitation_token=made-up",
        "/signin?login_hint=bob%40example.com",
        // A sign-in that WorkOS started: its code belongs to no attempt of this browser.
        "/auth/callback?code=made-up",
        "/auth/callback?code=made-up&invitation_token=made-up",
    ] {
        for headers in [
            vec![(SITE, "cross-site")],
            vec![(SITE, "same-site")],
            vec![(REFERER.as_str(), EVIL)],
            vec![(SITE, "cross-site"), (REFERER.as_str(), app.url.as_str())],
            vec![],
        ] {
            let response = follow_own_redirects(&ada, target, &headers).await;
            let link = continuation(response).await;
            assert!(link.starts_with("/auth/login"), "{link}");
            assert!(ada.is_signed_in().await);
            // The answer counts whatever headers the browser sends.
            let response = send(&ada, &link, &headers).await;
            let url = Url::parse(&location(&response)).unwrap();
            let sent: Vec<_> = url.query_pairs().into_owned().collect();
            let hint = ("login_hint".to_owned(), "bob@example.com".to_owned());
            assert_eq!(sent.contains(&hint), target.contains("login_hint"));
            assert!(sent.iter().all(|(name, _)| name != "confirmed"), "{url}");
        }
    }
    assert_eq!(app.only_session().revoked_at, None);
}

#[tokio::test]
async fn a_link_on_this_site_does_not_ask() {
    let spa = "https://spa.example.com";
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", spa)
        .start();
    let ada = app.signed_in("ada@example.com").await;
    let own = format!("{}/account", app.url);
    for headers in [
        vec![(SITE, "same-origin")],
        vec![(SITE, "none")],
        vec![(REFERER.as_str(), own.as_str())],
        vec![
            (SITE, "cross-site"),
            (REFERER.as_str(), "https://spa.example.com/"),
        ],
    ] {
        let response = send(&ada, "/auth/login", &headers).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_is_asked_without_a_live_session() {
    let app = TestApp::start();
    let foreign = [(SITE, "cross-site")];
    let response = send(&app.visitor(), "/auth/login", &foreign).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let ada = app.signed_in("ada@example.com").await;
    let copy = ada.cookies("/");
    ada.post("/auth/logout").await;
    let ended = Visitor::new(&app.url);
    let request = ended.request(Method::GET, "/auth/login");
    let request = request.header(SITE, "cross-site").header("Cookie", copy);
    let response = request.send().await.unwrap();
    assert_eq!(
        response.status(),
        StatusCode::FOUND,
        "the session has ended"
    );
}

#[tokio::test]
async fn a_confirmation_counts_for_its_own_session_only() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let grace = app.signed_in("ada@example.com").await;
    let foreign = [(SITE, "cross-site")];
    let link = continuation(send(&ada, "/auth/login", &foreign).await).await;
    continuation(send(&grace, &link, &foreign).await).await;
    for forged in ["", "1", "AAAA"] {
        let target = format!("/auth/login?confirmed={forged}");
        continuation(send(&ada, &target, &foreign).await).await;
    }
}

/// Otherwise an answer could be used for a link that the user has not seen.
#[tokio::test]
async fn a_confirmation_counts_for_its_own_link_and_for_ten_minutes() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let foreign = [(SITE, "cross-site")];
    let target = "/auth/login?login_hint=bob%40example.com";
    let link = continuation(send(&ada, target, &foreign).await).await;
    let confirmation = link.split("confirmed=").nth(1).unwrap();
    for other in [
        format!("/auth/login?confirmed={confirmation}"),
        format!("/auth/login?login_hint=eve%40example.com&confirmed={confirmation}"),
        format!("{link}&connection_id=conn_evil"),
        format!("/auth/login/?login_hint=bob%40example.com&confirmed={confirmation}"),
    ] {
        continuation(send(&ada, &other, &foreign).await).await;
    }
    app.advance(599);
    let response = send(&ada, &link, &foreign).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    app.advance(1);
    continuation(send(&ada, &link, &foreign).await).await;
}

#[tokio::test]
async fn a_link_in_an_email_asks_before_it_chooses_the_user() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for target in [
        "/auth/login?login_hint=bob%40example.com",
        "/signin?connection_id=conn_evil",
        "/auth/callback?code=made-up&invitation_token=made-up",
    ] {
        let response = follow_own_redirects(&ada, target, &[(SITE, "none")]).await;
        continuation(response).await;
    }
    let target = "/auth/login?next=/account&screen_hint=sign-in";
    let response = send(&ada, target, &[(SITE, "none")]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
}

/// The other site starts the attempt before the user signs in, and completes it afterwards.
#[tokio::test]
async fn an_attempt_of_another_site_does_not_replace_a_later_session() {
    let app = TestApp::start();
    let ada = app.visitor();
    let foreign = [(SITE, "cross-site")];
    let response = send(&ada, "/auth/login?login_hint=x", &foreign).await;
    let authorize = Url::parse(&location(&response)).unwrap();
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    // Its code is not used while the page asks.
    let own = obtain_callback_url(&ada, "ada@example.com").await;
    assert_eq!(ada.get(own.as_str()).await.status(), StatusCode::FOUND);
    let session = app.only_session();
    let target = format!("{}?{}", callback.path(), callback.query().unwrap());
    let link = continuation(send(&ada, &target, &foreign).await).await;
    let unchanged = app.only_session();
    assert_eq!((unchanged.id, unchanged.revoked_at), (session.id, None));
    let link = Url::parse(&app.url).unwrap().join(&link).unwrap();
    let state = with_query(&link, "confirmed", None);
    assert_eq!(state.path(), "/auth/callback");
    let response = send(&ada, link.as_str(), &foreign).await;
    assert_eq!(response.status(), StatusCode::FOUND, "the user wanted it");
    assert_eq!(app.sessions().len(), 2);
}

/// Tokens in cookies are an identity too.
#[tokio::test]
async fn a_link_on_another_site_asks_before_it_replaces_tokens_in_cookies() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = app.visitor();
    let foreign = [(SITE, "cross-site")];
    let begun = send(&browser, "/auth/login?login_hint=x", &foreign).await;
    let authorize = Url::parse(&location(&begun)).unwrap();
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = browser.post_json("/api/token", &credentials).await;
    assert_eq!(answer.status, StatusCode::OK);
    for target in ["/auth/login", "/signin?connection_id=conn_evil"] {
        let response = follow_own_redirects(&browser, target, &foreign).await;
        let link = continuation(response).await;
        let response = send(&browser, &link, &foreign).await;
        assert_eq!(response.status(), StatusCode::FOUND);
    }
    let own = send(&browser, "/auth/login", &[(SITE, "same-origin")]).await;
    assert_eq!(own.status(), StatusCode::FOUND);
    // And the callback of an attempt that began before.
    let callback = browser.authorize(&authorize, "olive@example.com").await;
    continuation(send(&browser, callback.as_str(), &foreign).await).await;
    assert_eq!(browser.get_me().await.json["email"], EMAIL);
}

#[tokio::test]
async fn a_link_on_another_site_may_have_the_user_log_in_again_and_nothing_else() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let foreign = [(SITE, "cross-site")];
    let plain = "/auth/login?reauthenticate=1&next=%2Faccount";
    let response = send(&ada, plain, &foreign).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    for more in [
        "connection_id=conn_evil",
        "login_hint=x",
        "max_age=9",
        "other",
    ] {
        let target = format!("{plain}&{more}");
        continuation(send(&ada, &target, &foreign).await).await;
    }
}
