//! A user whose log-in is too long ago logs in again and repeats the action.

use super::steps::{WELCOME_ADA, picture};
use crate::account_sessions::{ADA, IPHONE, signed_in_with};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";

#[tokio::test]
async fn a_user_logs_in_again_on_a_phone_in_the_light() {
    logs_in_again(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_user_logs_in_again_on_a_desktop_in_the_dark() {
    logs_in_again(Screen::Desktop, Scheme::Dark).await;
}

#[tokio::test]
async fn a_user_of_a_password_logs_in_again_on_a_phone_in_the_dark() {
    logs_in_again_with_a_password(Screen::Phone, Scheme::Dark).await;
}

#[tokio::test]
async fn a_user_of_a_password_logs_in_again_on_a_desktop_in_the_light() {
    logs_in_again_with_a_password(Screen::Desktop, Scheme::Light).await;
}

async fn logs_in_again(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    app.advance(1);
    let browser = Browser::open(screen, scheme).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user(ADA).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    app.advance(3_600);
    browser.click("Log out there").await;
    browser.wait_for_heading("Please log in again first").await;
    browser
        .check_error_page(&picture("log-in-again-first", screen, scheme), 403)
        .await;
    assert!(phone.is_signed_in().await);

    browser.click("Log in again").await;
    browser.choose_user(ADA).await;
    browser.wait_for_heading("Your account").await;
    browser.click("Log out there").await;
    browser.wait_for_heading("Your account").await;
    assert!(!phone.is_signed_in().await);
}

async fn logs_in_again_with_a_password(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(screen, scheme).await;
    let log_in = async || {
        browser.fill("email", EMAIL).await;
        browser.fill("password", PASSWORD).await;
        browser.click("Log in").await;
    };
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    log_in().await;
    browser.wait_for_heading("Your account").await;
    app.advance(3_600);
    browser.visit(&format!("{}/account", app.url)).await;
    browser.wait_for_heading("Your account").await;
    browser
        .check_page(&picture("account-log-in-again", screen, scheme))
        .await;
    browser.click("Log in again").await;
    browser.wait_for_heading("Log in").await;
    log_in().await;
    browser.wait_for_heading("Your account").await;
    assert!(
        browser
            .text("form[action='/account/password']")
            .await
            .contains("New password")
    );
}
