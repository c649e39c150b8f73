//! The list of sessions on the account page.

use super::steps::WELCOME_ADA;
use crate::account_sessions::{ADA, IPHONE, signed_in_with};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_user_ends_another_session_and_all_on_a_phone() {
    ends_another_session_and_all(Screen::Phone).await;
}

#[tokio::test]
async fn a_user_ends_another_session_and_all_on_a_desktop() {
    ends_another_session_and_all(Screen::Desktop).await;
}

async fn ends_another_session_and_all(screen: Screen) {
    let app = TestApp::start();
    let tablet = signed_in_with(&app, "Mozilla/5.0 (iPad) Safari/604.1", ADA).await;
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    app.advance(1);
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user(ADA).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    let first = browser.text(".sessions li").await;
    assert!(first.contains("Chrome on Linux"), "{first}");
    assert!(first.contains("This browser"), "{first}");
    browser.check_in_both_schemes("account-sessions").await;

    browser.click("Log out there").await;
    browser.wait_for_heading("Your account").await;
    let notice = browser.text(".notice").await;
    assert_eq!(notice, "The session was logged out.");
    browser
        .check_in_both_schemes("account-session-signed-out")
        .await;
    assert!(!phone.is_signed_in().await && tablet.is_signed_in().await);

    browser.click("Log out everywhere").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
    assert!(!tablet.is_signed_in().await);
}
