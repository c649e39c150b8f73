//! The app with WorkOS's own emulator. It is independent of our code, so that it checks our
//! requests.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use url::Url;
use vestibule::accounts::User;
use vestibule::db::DbError;

use crate::browser::steps::WELCOME_ADA;
use crate::support::app::{TestApp, TestAppBuilder, Visitor, location};
use crate::support::browser::{Browser, Scheme, Screen};
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};

mod check;

fn seed() -> Value {
    json!({ "users": [
        {
            "email": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Example",
            "email_verified": true,
        },
        { "email": "bob@example.com", "email_verified": true },
        {
            "email": "imogen@example.com",
            "email_verified": true,
            "impersonator": { "email": "support@example.com", "reason": "A support ticket" },
        },
    ] })
}

trait AtWorkos {
    /// Points the app at WorkOS's emulator.
    fn at(self, workos: &WorkosEmulate) -> Self;
}

impl AtWorkos for TestAppBuilder {
    fn at(self, workos: &WorkosEmulate) -> Self {
        self.workos(workos.url(), workos.api_key(), CLIENT_ID)
    }
}

/// Signs in up to WorkOS's redirect, and returns the callback URL.
async fn callback(visitor: &Visitor, login: &str) -> Url {
    let authorize = visitor.start_login(login).await;
    visitor.start_login(authorize.as_str()).await
}

async fn sign_in(visitor: &Visitor, login: &str) -> Response {
    let callback = callback(visitor, login).await;
    visitor.get(callback.as_str()).await
}

async fn account(app: &TestApp, email: &'static str) -> User {
    let found = app
        .database
        .read(move |conn| Ok::<_, DbError>(User::by_email(conn, email)?));
    found.await.expect("the table is read").expect("an account")
}

fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found.expect("the parameter").1.into_owned()
}

#[tokio::test]
async fn a_user_signs_in_with_their_profile_and_out() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let ada = app.visitor();
    let response = sign_in(&ada, "/auth/login?next=/account").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/account");
    assert!(ada.page("/").await.contains(WELCOME_ADA));

    let row = account(&app, "ada@example.com").await;
    assert_eq!((&*row.first_name, &*row.last_name), ("Ada", "Example"));
    assert!(row.email_verified && row.is_active);
    assert!(row.workos_user_id.is_some_and(|id| id.starts_with("user_")));
    assert_eq!(row.last_login, Some(app.now()));

    let response = ada.post("/auth/logout").await;
    let logout = location(&response);
    let expected = format!(
        "{}/user_management/sessions/logout?session_id=session_",
        workos.url()
    );
    assert!(logout.starts_with(&expected), "{logout}");
    let back = ada.get(&logout).await;
    assert_eq!(location(&back), format!("{}/", app.url));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_second_sign_in_finds_the_same_account() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    sign_in(&app.visitor(), "/auth/login").await;
    let first = account(&app, "ada@example.com").await;
    app.clock.advance(chrono::TimeDelta::minutes(5));
    let again = app.visitor();
    sign_in(&again, "/auth/login").await;
    assert!(again.is_signed_in().await);
    let second = account(&app, "ada@example.com").await;
    assert_eq!(first.id, second.id);
    assert_eq!(first.date_joined, second.date_joined);
    assert_eq!(second.last_login, Some(app.now()));
}

#[tokio::test]
async fn the_login_hint_selects_the_user_and_an_unknown_one_is_refused() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let bob = app.visitor();
    sign_in(&bob, "/auth/login?login_hint=bob@example.com").await;
    assert!(bob.page("/").await.contains("Welcome, bob@example.com!"));
    assert_ne!(account(&app, "bob@example.com").await.workos_user_id, None);

    let stranger = app.visitor();
    let login = "/auth/login?login_hint=stranger@example.com";
    let response = sign_in(&stranger, login).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.text().await.unwrap().contains("user_not_found"));
    assert!(!stranger.is_signed_in().await);
}

#[tokio::test]
async fn an_impersonator_is_shown() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let support = app.visitor();
    sign_in(&support, "/auth/login?login_hint=imogen@example.com").await;
    let page = support.page("/").await;
    assert!(page.contains("support@example.com is signed in as imogen@example.com"));
    assert!(page.contains("A support ticket"));
}

#[tokio::test]
async fn a_wrong_code_is_refused() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let visitor = app.visitor();
    let mut callback = callback(&visitor, "/auth/login").await;
    let state = parameter(&callback, "state");
    callback.set_query(Some(&format!("code=made_up&state={state}")));
    let response = visitor.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let page = response.text().await.unwrap();
    assert!(page.contains("Its code was used already or has expired."));
    assert!(page.contains("Start again"));
    assert!(!visitor.is_signed_in().await);
}

#[tokio::test]
async fn a_code_is_refused_with_the_verifier_of_another_attempt() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let visitor = app.visitor();
    let mut first = callback(&visitor, "/auth/login").await;
    let second = callback(&visitor, "/auth/login").await;
    // A code in another attempt of the same browser: the state is valid, the PKCE verifier is not.
    let (code, state) = (parameter(&second, "code"), parameter(&first, "state"));
    first.set_query(Some(&format!("code={code}&state={state}")));
    let response = visitor.get(first.as_str()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("invalid_code_verifier")
    );
    assert!(!visitor.is_signed_in().await);
    // The code still works in its own attempt, so that it was refused because of the verifier.
    visitor.get(second.as_str()).await;
    assert!(visitor.is_signed_in().await);
}

#[tokio::test]
async fn a_code_works_once() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let visitor = app.visitor();
    let mut first = callback(&visitor, "/auth/login").await;
    let code = parameter(&first, "code");
    visitor.get(first.as_str()).await;
    assert!(visitor.is_signed_in().await);
    let second = callback(&visitor, "/auth/login").await;
    let state = parameter(&second, "state");
    first.set_query(Some(&format!("code={code}&state={state}")));
    let response = visitor.get(first.as_str()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_real_browser_signs_in_and_out() {
    let workos = WorkosEmulate::start(&seed()).await;
    let app = TestApp::builder().at(&workos).start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.click("Log in").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert!(browser.attempt_cookies().await.is_empty());
    browser
        .check_page("workos-emulate-home-desktop-light")
        .await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser
        .check_page("workos-emulate-account-desktop-light")
        .await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
