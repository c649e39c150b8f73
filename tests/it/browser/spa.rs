//! The example of a single-page application, with its script under the content security policy.

use chrono::TimeDelta;
use fantoccini::Locator;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

/// Waits until the page shows this state.
async fn wait_for_state(browser: &Browser, words: &str) {
    let path = format!("//*[@id='state'][normalize-space()='{words}']");
    if let Err(error) = browser.wait().for_element(Locator::XPath(&path)).await {
        panic!(
            "not {words:?} but {:?}: {error}",
            browser.text("#state").await
        );
    }
}

async fn signs_in_asks_refreshes_and_logs_out(app: &TestApp, screen: Screen) -> Browser {
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&format!("{}/static/spa.html", app.url)).await;
    wait_for_state(&browser, "Nobody is signed in.").await;
    browser
        .check_error_page_in_both_schemes("spa-signed-out", 401)
        .await;
    browser.click("Sign in").await;
    browser.choose_user("ada@example.com").await;
    wait_for_state(&browser, "Signed in as ada@example.com.").await;
    browser.click("Who am I?").await;
    wait_for_state(&browser, "You are ada@example.com.").await;
    browser.click("Refresh").await;
    wait_for_state(&browser, "Refreshed.").await;
    browser.click("Who am I?").await;
    wait_for_state(&browser, "You are ada@example.com.").await;
    let seen = browser.evaluate("return document.cookie").await;
    assert_eq!(seen, "", "scripts cannot read the cookies");
    browser.check_in_both_schemes("spa").await;
    // The access token expires, and the page gets a new one by itself.
    app.clock.advance(TimeDelta::minutes(6));
    browser.click("Who am I?").await;
    wait_for_state(&browser, "You are ada@example.com.").await;
    browser.click("Log out").await;
    // The log-out goes through WorkOS and returns to home.
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
    browser.visit(&format!("{}/static/spa.html", app.url)).await;
    wait_for_state(&browser, "Nobody is signed in.").await;
    browser
}

#[tokio::test]
async fn a_single_page_application_signs_in_asks_refreshes_and_logs_out() {
    let app = TestApp::builder()
        .demo()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    for screen in [Screen::Phone, Screen::Desktop] {
        signs_in_asks_refreshes_and_logs_out(&app, screen).await;
    }
    assert!(
        app.refresh_token_rows()
            .iter()
            .all(|row| row.revoked_at.is_some())
    );
}

#[tokio::test]
async fn under_the_cookie_policy_it_does_the_same_without_holding_a_refresh_token() {
    let app = TestApp::builder()
        .demo()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .setting("AUTH_COOKIE_REFRESH", "true")
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let browser = signs_in_asks_refreshes_and_logs_out(&app, Screen::Phone).await;
    let left = browser.all_cookies().await;
    assert!(
        left.iter()
            .all(|cookie| !cookie["name"].as_str().unwrap().starts_with("tofu-web"))
    );
}
