//! Sign-ins that do not end in a session, and pages that are not there.

use std::net::SocketAddr;

use authkit_emulator::{Config, Effect, Fault};
use serde_json::Value;

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_sign_in_that_is_cancelled_leads_home_with_a_notice() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.click("Cancel").await;
    browser.see("Log in to continue").await;
    let notice = browser.text(".notice").await;
    assert_eq!(notice, "You cancelled the sign-in. Nothing has changed.");
    browser.look("cancelled-phone-light").await;
    assert_eq!(browser.session().await, None);
    assert!(browser.attempts().await.is_empty());
    browser.click("Log in").await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
}

#[tokio::test]
async fn a_page_that_is_not_there_leads_home() {
    let app = TestApp::start();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Dark),
        (Screen::Desktop, Scheme::Light),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/nowhere", app.url)).await;
        browser.see("Page not found").await;
        browser
            .look_at_error(&picture("error-404", screen, scheme), 404)
            .await;
        browser.click("Go home").await;
        browser.see("Log in to continue").await;
    }
}

#[tokio::test]
async fn a_callback_that_is_used_again_offers_a_fresh_sign_in() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    let login = format!("{}/auth/login?next=/account", app.url);
    let callback = callback_of(&app, &browser, &login).await;
    browser.visit(&callback).await;
    browser.see("Your account").await;
    browser.visit(&callback).await;
    browser.see("This sign-in cannot be completed").await;
    browser.look_at_error("error-400-phone-light", 400).await;
    browser.click("Start again").await;
    // AuthKit would know the browser, had the person signed in through it.
    browser.see("Sign in").await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
}

#[tokio::test]
async fn while_workos_is_away_a_page_says_so_and_its_link_works_once_it_is_back() {
    let mut app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    let login = format!("{}/auth/login?next=/account", app.url);
    let callback = callback_of(&app, &browser, &login).await;
    let address = app.emulator.base_url().replace("http://", "");
    app.emulator.stop(true).await;
    browser.visit(&callback).await;
    browser.see("Please try again in a moment").await;
    browser.look_at_error("error-503-desktop-dark", 503).await;

    app.emulator = authkit_emulator::start(Config {
        bind: address.parse::<SocketAddr>().unwrap(),
        ..Config::default()
    })
    .expect("WorkOS is back on the same port");
    browser.click("Try again").await;
    browser.see("Sign in").await;
    browser.choose("ada@example.com").await;
    browser.see("Your account").await;
}

#[tokio::test]
async fn a_reload_signs_in_once_workos_is_itself_again() {
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
    browser.choose("ada@example.com").await;
    browser.see("Please try again in a moment").await;
    browser.look_at_error("error-503-phone-dark", 503).await;
    browser.refresh().await.unwrap();
    browser.see(WELCOME_ADA).await;
}

/// Begins in the browser and signs Ada in at WorkOS: where WorkOS would send the browser back to.
async fn callback_of(app: &TestApp, browser: &Browser, login: &str) -> String {
    browser.visit(login).await;
    browser.see("Sign in").await;
    let authorize = browser.current_url().await.unwrap();
    let visitor = app.visitor();
    let callback = visitor.authorize(&authorize, "ada@example.com").await;
    callback.into()
}

/// AuthKit remembers the browser: a plain fresh sign-in would bring the same refusal at once.
#[tokio::test]
async fn whoever_is_refused_can_sign_in_as_somebody_else() {
    let app = TestApp::start();
    let olive = app.add_user("olive@example.com", true);
    app.set_active(olive.id, false);
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose("olive@example.com").await;
    browser.see("This account is closed").await;
    browser.look_at_error("error-403-desktop-dark", 403).await;
    browser.click("Log in as someone else").await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
}
