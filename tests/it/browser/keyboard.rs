//! Without a mouse: every stop of the Tab key can be seen, and Enter does it.

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
    browser.look("focus-home-desktop-light").await;
    browser.enter().await;
    browser.see("Sign in").await;
    browser.tab_to("ada@example.com").await;
    browser.look("focus-authkit-desktop-light").await;
    browser.enter().await;
    browser.see(WELCOME_ADA).await;
    browser.tab_to("Log out").await;
    browser.look("focus-log-out-desktop-light").await;
    browser.enter().await;
    browser.see("Log in to continue").await;
}

#[tokio::test]
async fn the_keyboard_alone_signs_in_by_typing() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Dark).await;
    browser.visit(&app.url).await;
    browser.tab_to("Log in").await;
    browser.enter().await;
    browser.see("Sign in").await;
    browser.tab_to("E-mail").await;
    browser.press("ada@example.com").await;
    browser.tab_to("Password").await;
    browser.press("ada-demo-password").await;
    browser.look("focus-authkit-phone-dark").await;
    browser.enter().await;
    browser.see(WELCOME_ADA).await;
}

#[tokio::test]
async fn the_first_stop_of_a_page_skips_to_its_content() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    browser.press(&char::from(Key::Tab).to_string()).await;
    let first = browser
        .ask("return document.activeElement.textContent")
        .await;
    assert_eq!(first, "Skip to content");
    browser.look("focus-skip-desktop-dark").await;
    browser.enter().await;
    let focus = browser.ask("return document.activeElement.id").await;
    assert_eq!(focus, "main");
    // The navigation has been skipped: the next stop is the content's own link.
    browser.press(&char::from(Key::Tab).to_string()).await;
    let next = browser
        .ask("return document.activeElement.textContent")
        .await;
    assert_eq!(next, "Your account");
}
