//! The Back button: the browser keeps no page of a signed-in user.

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn back_after_a_log_out_shows_no_page_of_the_user() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;

    // The browser loads each page again: the account redirects to AuthKit, home shows the log-in links.
    browser.back().await.unwrap();
    browser.wait_for_heading("Sign in").await;
    browser.back().await.unwrap();
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
}

#[tokio::test]
async fn back_after_a_sign_in_keeps_the_session() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.click("Log in").await;
    browser.wait_for_heading("Sign in").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    let session = browser.session_cookie().await.expect("a session");

    // AuthKit still has a session and redirects at once, with a new code and the used state.
    browser.back().await.unwrap();
    browser
        .wait_for_heading("This sign-in cannot be completed")
        .await;
    browser.back().await.unwrap();
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_eq!(browser.session_cookie().await, Some(session));
}
