//! The Back button: no page of a signed-in person is kept by the browser.

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn back_after_a_log_out_shows_nobodys_page() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    browser.click("Your account").await;
    browser.see("Your account").await;
    browser.click("Log out").await;
    browser.see("Log in to continue").await;

    // Each page is asked for again: the account sends to AuthKit, home is the signed-out one.
    browser.back().await.unwrap();
    browser.see("Sign in").await;
    browser.back().await.unwrap();
    browser.see("Log in to continue").await;
    assert_eq!(browser.session().await, None);
}

#[tokio::test]
async fn back_after_a_sign_in_neither_breaks_it_nor_begins_another() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.click("Log in").await;
    browser.see("Sign in").await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    let session = browser.session().await.expect("a session");

    // AuthKit knows the browser and sends it on at once, with a fresh code and the spent state.
    browser.back().await.unwrap();
    browser.see("This sign-in cannot be completed").await;
    browser.back().await.unwrap();
    browser.see(WELCOME_ADA).await;
    assert_eq!(browser.session().await, Some(session));
}
