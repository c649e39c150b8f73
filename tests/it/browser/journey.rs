//! From home to "Welcome" and out again, on each kind of screen.

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_phone_in_the_light() {
    by_a_click_and_by_typing(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_phone_in_the_dark() {
    by_a_click_and_by_typing(Screen::Phone, Scheme::Dark).await;
}

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_desktop_in_the_light() {
    by_a_click_and_by_typing(Screen::Desktop, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_desktop_in_the_dark() {
    by_a_click_and_by_typing(Screen::Desktop, Scheme::Dark).await;
}

async fn by_a_click_and_by_typing(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    let browser = Browser::open(screen, scheme).await;
    let name = |page: &str| picture(page, screen, scheme);
    browser.visit(&app.url).await;
    browser.see("Log in to continue").await;
    browser.look(&name("home-signed-out")).await;
    browser.click("Log in").await;
    browser.see("Sign in").await;
    browser.look(&name("authkit")).await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    assert!(browser.text(".profile").await.contains("Ada Example"));
    assert_eq!(browser.pictures().await, [true; 3], "icon and portraits");
    browser.look(&name("home")).await;
    browser.click("Your account").await;
    browser.see("Your account").await;
    browser.look(&name("account")).await;
    browser.click("Log out").await;
    browser.see("Log in to continue").await;
    assert_eq!(browser.session().await, None);

    browser.click("Log in").await;
    browser.see("Sign in").await;
    browser.fill("email", "Olive@Example.com").await;
    browser.fill("password", "olive-demo-password").await;
    browser.click("Continue").await;
    browser.see("Welcome, olive@example.com!").await;
    browser.click("Log out").await;
    browser.see("Log in to continue").await;
    assert_eq!(browser.session().await, None);
    browser.look(&name("home-signed-out-again")).await;
}

#[tokio::test]
async fn the_attempts_cookie_survives_the_redirect_from_another_site_and_is_gone_after_it() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.see("Sign in").await;
    let away = browser.current_url().await.unwrap();
    assert_eq!(away.host_str(), Some("127.0.0.1"), "another site than ours");
    let [attempt] = &browser.attempts().await[..] else {
        panic!("one attempt is open");
    };
    for (key, value) in [
        ("domain", "localhost"),
        ("path", "/auth"),
        ("sameSite", "Lax"),
    ] {
        assert_eq!(attempt[key], value, "{attempt}");
    }
    assert_eq!(attempt["httpOnly"], true);

    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    assert!(browser.attempts().await.is_empty());
    let session = browser.session().await.expect("a session");
    for (key, value) in [("domain", "localhost"), ("path", "/"), ("sameSite", "Lax")] {
        assert_eq!(session[key], value, "{session}");
    }
    assert_eq!(session["httpOnly"], true);
    let script_sees = browser.ask("return document.cookie").await;
    assert_eq!(script_sees, "", "no script can read a cookie of ours");
}

#[tokio::test]
async fn a_page_that_needs_a_session_is_returned_to() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/account", app.url)).await;
    browser.see("Sign in").await;
    browser.choose("ada@example.com").await;
    browser.see("Your account").await;
    let url = browser.current_url().await.unwrap();
    assert_eq!(url.as_str(), format!("{}/account", app.url));
}

#[tokio::test]
async fn a_newcomer_signs_up_and_verifies_the_address_by_code() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.click("Sign up").await;
    browser.see("Sign up").await;
    browser.look("authkit-sign-up-phone-light").await;
    browser.fill("first_name", "Nora").await;
    browser.fill("last_name", "Newcomer").await;
    browser.fill("email", "nora@example.com").await;
    browser.fill("password", "nora-demo-password").await;
    browser.click("Continue").await;
    browser.see("Check your email").await;
    assert_eq!(browser.session().await, None);
    browser.fill("code", "123456").await;
    browser.click("Continue").await;
    browser.see("Welcome, nora@example.com!").await;
}
