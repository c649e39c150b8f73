//! Sign-ins that fail, and pages that do not exist.

use std::net::SocketAddr;

use authkit_emulator::{Config, Effect, Fault};
use serde_json::Value;

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_cancelled_sign_in_returns_to_home_with_a_notice() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.click("Cancel").await;
    browser.wait_for_heading("Log in to continue").await;
    let notice = browser.text(".notice").await;
    assert_eq!(notice, "You cancelled the sign-in. Nothing has changed.");
    browser.check_page("cancelled-phone-light").await;
    assert_eq!(browser.session_cookie().await, None);
    assert!(browser.attempt_cookies().await.is_empty());
    browser.click("Log in").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
}

#[tokio::test]
async fn a_page_that_does_not_exist_links_to_home() {
    let app = TestApp::start();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Dark),
        (Screen::Desktop, Scheme::Light),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/nowhere", app.url)).await;
        browser.wait_for_heading("Page not found").await;
        browser
            .check_error_page(&picture("error-404", screen, scheme), 404)
            .await;
        browser.click("Go home").await;
        browser.wait_for_heading("Log in to continue").await;
    }
}

#[tokio::test]
async fn a_page_that_does_not_exist_offers_a_signed_in_user_to_log_out() {
    let app = TestApp::start();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Phone, Scheme::Dark),
        (Screen::Desktop, Scheme::Light),
        (Screen::Desktop, Scheme::Dark),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/auth/login", app.url)).await;
        browser.choose_user("ada@example.com").await;
        browser.wait_for_heading(WELCOME_ADA).await;
        browser.visit(&format!("{}/nowhere", app.url)).await;
        browser.wait_for_heading("Page not found").await;
        browser
            .check_error_page(&picture("error-404-signed-in", screen, scheme), 404)
            .await;
        browser.click("Log out").await;
        browser.wait_for_heading("Log in to continue").await;
    }
}

#[tokio::test]
async fn a_callback_that_is_used_again_offers_to_start_again() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    let login = format!("{}/auth/login?next=/account", app.url);
    let callback = callback_of(&app, &browser, &login).await;
    browser.visit(&callback).await;
    browser.wait_for_heading("Your account").await;
    browser.visit(&callback).await;
    browser
        .wait_for_heading("This sign-in cannot be completed")
        .await;
    browser.check_error_page("error-400-phone-light", 400).await;
    browser.click("Start again").await;
    // The test signed in at AuthKit with another client, so the browser has no session there.
    browser.wait_for_heading("Sign in").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
}

#[tokio::test]
async fn while_workos_is_unavailable_a_page_offers_to_try_again() {
    let mut app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    let login = format!("{}/auth/login?next=/account", app.url);
    let callback = callback_of(&app, &browser, &login).await;
    let address = app.emulator.base_url().replace("http://", "");
    app.emulator.stop(true).await;
    browser.visit(&callback).await;
    browser
        .wait_for_heading("Please try again in a moment")
        .await;
    browser
        .check_error_page("error-503-desktop-dark", 503)
        .await;

    app.emulator = authkit_emulator::start(Config {
        bind: address.parse::<SocketAddr>().unwrap(),
        ..Config::default()
    })
    .expect("WorkOS is back on the same port");
    browser.click("Try again").await;
    browser.wait_for_heading("Sign in").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
}

#[tokio::test]
async fn a_reload_signs_in_when_workos_is_available_again() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Dark).await;
    app.workos().inject(Fault::once(
        "/user_management/authenticate",
        Effect::Status {
            status: 500,
            body: Value::Null,
            retry_after: None,
        },
    ));
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser
        .wait_for_heading("Please try again in a moment")
        .await;
    browser.check_error_page("error-503-phone-dark", 503).await;
    browser.refresh().await.unwrap();
    browser.wait_for_heading(WELCOME_ADA).await;
}

/// Starts a sign-in in the browser and completes it for Ada at WorkOS. Returns the callback's URL.
async fn callback_of(app: &TestApp, browser: &Browser, login: &str) -> String {
    browser.visit(login).await;
    browser.wait_for_heading("Sign in").await;
    let authorize = browser.current_url().await.unwrap();
    let visitor = app.visitor();
    let callback = visitor.authorize(&authorize, "ada@example.com").await;
    callback.into()
}

/// AuthKit still has a session, so a new sign-in without `max_age` would be refused again at once.
#[tokio::test]
async fn after_a_refusal_another_user_can_sign_in() {
    let app = TestApp::start();
    let olive = app.add_user("olive@example.com", true);
    app.set_active(olive.id, false);
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("olive@example.com").await;
    browser.wait_for_heading("This account is closed").await;
    browser
        .check_error_page("error-403-desktop-dark", 403)
        .await;
    browser.click("Log in as someone else").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
}
