//! Several tabs of one browser.

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_each_returns_to_its_own_page() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    let first = browser.window().await.unwrap();
    let login = format!("{}/auth/login", app.url);
    browser.visit(&format!("{login}?next=/account")).await;
    browser.wait_for_heading("Sign in").await;

    let second = browser.new_window(true).await.unwrap().handle;
    browser.switch_to_window(second.clone()).await.unwrap();
    browser.visit(&login).await;
    browser.wait_for_heading("Sign in").await;
    assert_eq!(browser.attempt_cookies().await.len(), 2);

    browser.switch_to_window(first).await.unwrap();
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
    assert_eq!(browser.attempt_cookies().await.len(), 1);

    browser.switch_to_window(second).await.unwrap();
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert!(browser.attempt_cookies().await.is_empty());
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_out_in_one_tab_is_seen_in_the_other() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    let first = browser.window().await.unwrap();
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;

    let second = browser.new_window(true).await.unwrap().handle;
    browser.switch_to_window(second).await.unwrap();
    browser.visit(&app.url).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;

    browser.switch_to_window(first).await.unwrap();
    browser.click("Your account").await;
    browser.wait_for_heading("Sign in").await;
}
