//! The pages without a mouse: the focus is always visible, and Enter activates links and buttons.

use fantoccini::key::Key;

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn the_keyboard_alone_signs_in_by_a_button_and_out() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.tab_to("Log in").await;
    browser.check_page("focus-home-desktop-light").await;
    browser.press_enter().await;
    browser.wait_for_heading("Sign in").await;
    browser.tab_to("ada@example.com").await;
    browser.check_page("focus-authkit-desktop-light").await;
    browser.press_enter().await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.tab_to("Log out").await;
    browser.check_page("focus-log-out-desktop-light").await;
    browser.press_enter().await;
    browser.wait_for_heading("Log in to continue").await;
}

#[tokio::test]
async fn the_keyboard_alone_signs_in_by_typing() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Dark).await;
    browser.visit(&app.url).await;
    browser.tab_to("Log in").await;
    browser.press_enter().await;
    browser.wait_for_heading("Sign in").await;
    browser.tab_to("Email").await;
    browser.press_keys("ada@example.com").await;
    browser.tab_to("Password").await;
    browser.press_keys("ada-demo-password").await;
    browser.check_page("focus-authkit-phone-dark").await;
    browser.press_enter().await;
    browser.wait_for_heading(WELCOME_ADA).await;
}

#[tokio::test]
async fn the_first_tab_stop_skips_to_the_content() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.press_keys(&char::from(Key::Tab).to_string()).await;
    let first = browser
        .evaluate("return document.activeElement.textContent")
        .await;
    assert_eq!(first, "Skip to content");
    browser.check_page("focus-skip-desktop-dark").await;
    browser.press_enter().await;
    let focus = browser.evaluate("return document.activeElement.id").await;
    assert_eq!(focus, "main");
    // The navigation is skipped: the content's first link is next.
    browser.press_keys(&char::from(Key::Tab).to_string()).await;
    let next = browser
        .evaluate("return document.activeElement.textContent")
        .await;
    assert_eq!(next, "Your account");
}
