//! Signing in and out, on each screen size and colour scheme.

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_phone() {
    signs_in_by_a_click_and_by_typing(Screen::Phone).await;
}

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_desktop() {
    signs_in_by_a_click_and_by_typing(Screen::Desktop).await;
}

async fn signs_in_by_a_click_and_by_typing(screen: Screen) {
    let app = TestApp::start();
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.wait_for_heading("Log in to continue").await;
    browser.check_in_both_schemes("home-signed-out").await;
    browser.click("Log in").await;
    browser.wait_for_heading("Sign in").await;
    browser.check_in_both_schemes("authkit").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert!(browser.text(".profile").await.contains("Ada Example"));
    assert_eq!(
        browser.images_loaded().await,
        [true; 3],
        "the icon and the two pictures"
    );
    browser.check_in_both_schemes("home").await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser.check_in_both_schemes("account").await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.text(".notice").await, "You are logged out.");
    browser.check_in_both_schemes("home-logged-out").await;
    assert_eq!(browser.session_cookie().await, None);
    // The notice is shown once.
    browser.visit(&app.url).await;
    browser.wait_for_heading("Log in to continue").await;
    let notices = "return document.querySelectorAll('.notice').length";
    assert_eq!(browser.evaluate(notices).await, 0);

    browser.click("Log in").await;
    browser.wait_for_heading("Sign in").await;
    browser.fill("email", "Olive@Example.com").await;
    browser.fill("password", "olive-demo-password").await;
    browser.click("Continue").await;
    browser
        .wait_for_heading("Welcome, olive@example.com!")
        .await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
    browser.check_in_both_schemes("home-signed-out-again").await;
}

#[tokio::test]
async fn the_attempt_cookie_is_sent_with_the_redirect_from_workos_and_then_removed() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.wait_for_heading("Sign in").await;
    let away = browser.current_url().await.unwrap();
    assert_eq!(away.host_str(), Some("127.0.0.1"), "WorkOS is another site");
    let [attempt] = &browser.attempt_cookies().await[..] else {
        panic!("there is one open attempt");
    };
    for (key, value) in [
        ("domain", "localhost"),
        ("path", "/auth"),
        ("sameSite", "Lax"),
    ] {
        assert_eq!(attempt[key], value, "{attempt}");
    }
    assert_eq!(attempt["httpOnly"], true);

    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert!(browser.attempt_cookies().await.is_empty());
    let session = browser.session_cookie().await.expect("a session");
    for (key, value) in [("domain", "localhost"), ("path", "/"), ("sameSite", "Lax")] {
        assert_eq!(session[key], value, "{session}");
    }
    assert_eq!(session["httpOnly"], true);
    let script_sees = browser.evaluate("return document.cookie").await;
    assert_eq!(script_sees, "", "scripts cannot read the cookies");
}

#[tokio::test]
async fn a_sign_in_returns_to_the_page_that_required_it() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/account", app.url)).await;
    browser.wait_for_heading("Sign in").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
    let url = browser.current_url().await.unwrap();
    assert_eq!(url.as_str(), format!("{}/account", app.url));
}

#[tokio::test]
async fn a_new_user_signs_up_and_verifies_the_address_by_code() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.click("Sign up").await;
    browser.wait_for_heading("Sign up").await;
    browser.check_page("authkit-sign-up-phone-light").await;
    browser.fill("first_name", "Nora").await;
    browser.fill("last_name", "Newcomer").await;
    browser.fill("email", "nora@example.com").await;
    browser.fill("password", "nora-demo-password").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Check your email").await;
    assert_eq!(browser.session_cookie().await, None);
    browser.fill("code", "123456").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Welcome, nora@example.com!").await;
}
