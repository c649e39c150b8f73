//! Signing in with a username, to an account that has no email.

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

const PASSWORD: &str = "Correct-horse-9";

#[tokio::test]
async fn an_account_without_an_email_signs_in_on_a_phone() {
    signs_in(Screen::Phone).await;
}

#[tokio::test]
async fn an_account_without_an_email_signs_in_on_a_desktop() {
    signs_in(Screen::Desktop).await;
}

async fn signs_in(screen: Screen) {
    let app = TestApp::builder()
        .setting("LOGIN_FIELD", "username")
        .start();
    // As long as Django allows, without a place to break the line.
    let long = "a".repeat(150);
    app.add_user_with_username(&long, "", PASSWORD);
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&format!("{}/login", app.url)).await;
    browser.wait_for_heading("Log in").await;
    browser.check_in_both_schemes("login-username").await;
    browser.fill("username", &long).await;
    browser.fill("password", "wrong").await;
    browser.click("Log in").await;
    browser.wait_for_heading("Log in").await;
    let refusal = browser.text("[role=alert]").await;
    assert!(
        refusal.starts_with("Please enter a correct username or email address"),
        "{refusal}"
    );
    browser
        .check_in_both_schemes("login-username-refused")
        .await;
    browser.fill("password", PASSWORD).await;
    browser.click("Log in").await;
    browser.wait_for_heading(&format!("Welcome, {long}!")).await;
    browser.check_in_both_schemes("home-username").await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser.check_in_both_schemes("account-username").await;
}
