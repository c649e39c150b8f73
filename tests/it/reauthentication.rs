//! Actions that need a recent authentication, and how a user gets one.

mod max_age;
mod same_user;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::account_sessions::{ADA, sign_out_everywhere, sign_out_there};
use crate::support::app::{TestApp, Visitor, location};

/// The log-in of WorkOS that authenticates the session's user again and returns to the account page.
const AGAIN: &str = "/auth/login?reauthenticate=1&next=%2Faccount";
const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";
const NEW_PASSWORD: [(&str, &str); 3] = [
    ("old_password", PASSWORD),
    ("new_password1", "another made-up passphrase"),
    ("new_password2", "another made-up passphrase"),
];
/// Fifteen minutes in seconds.
const RECENT: i64 = 15 * 60;

/// Asserts that the response asks for a log-in at this address; returns the page.
async fn asks_again(response: Response, log_in: &str) -> String {
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let page = response.text().await.unwrap();
    assert!(page.contains("Please log in again first"), "{page}");
    let link = format!("href=\"{}\"", log_in.replace('&', "&#38;"));
    assert!(page.contains(&link), "{link}: {page}");
    page
}

fn open_sessions(app: &TestApp) -> usize {
    let sessions = app.sessions();
    sessions
        .iter()
        .filter(|row| row.revoked_at.is_none())
        .count()
}

/// Signs in at WorkOS again and returns the callback's response.
async fn authenticate_again(visitor: &Visitor, email: &str) -> Response {
    let authorize = visitor.start_login(AGAIN).await;
    let callback = visitor.authorize(&authorize, email).await;
    visitor.get(callback.as_str()).await
}

#[tokio::test]
async fn ending_other_sessions_needs_a_recent_authentication() {
    let app = TestApp::start();
    let phone = app.signed_in(ADA).await;
    let other = app.only_session().id;
    let laptop = app.signed_in(ADA).await;
    app.advance(RECENT);
    asks_again(sign_out_there(&laptop, &other).await, AGAIN).await;
    asks_again(sign_out_everywhere(&laptop).await, AGAIN).await;
    assert!(phone.is_signed_in().await && laptop.is_signed_in().await);
    assert_eq!(open_sessions(&app), 2);

    let back = authenticate_again(&laptop, ADA).await;
    assert_eq!(location(&back), "/account");
    sign_out_there(&laptop, &other).await;
    assert!(!phone.is_signed_in().await && laptop.is_signed_in().await);
}

#[tokio::test]
async fn one_second_earlier_it_is_recent() {
    let app = TestApp::start();
    let phone = app.signed_in(ADA).await;
    let laptop = app.signed_in(ADA).await;
    app.advance(RECENT - 1);
    assert_eq!(
        sign_out_everywhere(&laptop).await.status(),
        StatusCode::FOUND
    );
    assert!(!phone.is_signed_in().await);
}

#[tokio::test]
async fn a_session_can_always_end_itself() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.advance(RECENT * 4);
    let own = app.only_session().id;
    assert_eq!(sign_out_there(&ada, &own).await.status(), StatusCode::FOUND);
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_new_password_needs_a_recent_authentication() {
    let app = TestApp::start();
    let before = app.add_user_with_password(EMAIL, PASSWORD).password;
    let grace = app.visitor();
    grace.log_in(EMAIL, PASSWORD).await;
    app.advance(RECENT);
    let response = grace.submit("/account/password", &NEW_PASSWORD).await;
    asks_again(response, "/login?next=%2Faccount").await;
    let account = grace.page("/account").await;
    assert!(account.contains("log in again first"), "{account}");
    assert!(!account.contains("new_password1"), "{account}");
    assert_eq!(app.user(EMAIL).password, before);

    grace.log_in(EMAIL, PASSWORD).await;
    assert!(grace.page("/account").await.contains("new_password1"));
    let response = grace.submit("/account/password", &NEW_PASSWORD).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
}

#[tokio::test]
async fn a_script_gets_a_code() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    grace.log_in(EMAIL, PASSWORD).await;
    app.advance(RECENT);
    let request = grace.request(Method::POST, "/account/password");
    let request = request.header("accept", "application/json");
    let response = request.form(&NEW_PASSWORD).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["content-type"], "application/json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "reauthentication_required");
    assert!(body["detail"].as_str().unwrap().contains("15 minutes"));
}

/// Neither a renewal nor a page that is used all the time makes the authentication recent.
#[tokio::test]
async fn renewals_do_not_change_the_time_of_the_authentication() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    for _ in 0..4 {
        app.expire_workos_tokens();
        assert!(ada.is_signed_in().await);
    }
    assert!(app.renewals() >= 4);
    asks_again(sign_out_everywhere(&ada).await, AGAIN).await;
}

#[tokio::test]
async fn the_account_page_shows_the_last_log_in_with_credentials() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.advance(3_600);
    // AuthKit remembers the browser, so that no credentials are entered.
    let authorize = ada.start_login("/auth/login").await;
    let remembered = ada.get(authorize.as_str()).await;
    ada.get(&location(&remembered)).await;
    let page = ada.page("/account").await;
    let row = |name: &str| {
        let (_, rest) = page.split_once(&format!("<dt>{name}</dt>")).unwrap();
        rest.split_once("</dd>").unwrap().0.to_owned()
    };
    assert_ne!(row("Last log-in"), row("Started"));
    asks_again(sign_out_everywhere(&ada).await, AGAIN).await;
}
