//! The further email addresses on the account page.

use super::steps::WELCOME_ADA;
use crate::account_addresses::add_addresses;
use crate::account_sessions::ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_user_removes_an_address_on_a_phone() {
    removes_an_address(Screen::Phone).await;
}

#[tokio::test]
async fn a_user_removes_an_address_on_a_desktop() {
    removes_an_address(Screen::Desktop).await;
}

async fn removes_an_address(screen: Screen) {
    let app = TestApp::start();
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user(ADA).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    // One that has no place to break the line.
    let long = format!("{}@old.example", "a".repeat(64));
    let id = app.user(ADA).id;
    add_addresses(&app, id, &[&long, "ada@work.example"]);
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser.check_in_both_schemes("account-addresses").await;

    browser.click("Remove").await;
    browser.wait_for_heading("Your account").await;
    let notice = browser.text(".notice").await;
    assert_eq!(notice, "The address was removed from your account.");
    let left = browser.text("[aria-labelledby=addresses]").await;
    assert!(left.contains("ada@work.example") && !left.contains(&long));
    browser
        .check_in_both_schemes("account-address-removed")
        .await;
}
