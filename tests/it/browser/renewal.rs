//! Renewal of a session in the browser: invisible to the user, or a page that says what happened.

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_session_is_renewed_kept_and_ended_on_a_phone_in_the_light() {
    is_renewed_kept_and_ended(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_session_is_renewed_kept_and_ended_on_a_desktop_in_the_dark() {
    is_renewed_kept_and_ended(Screen::Desktop, Scheme::Dark).await;
}

async fn is_renewed_kept_and_ended(screen: Screen, scheme: Scheme) {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "60")
        .start();
    let browser = Browser::open(screen, scheme).await;
    let name = |page: &str| picture(page, screen, scheme);
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    app.expire_workos_tokens();
    browser.visit(&app.url).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_eq!(app.renewals(), 1);

    let account = format!("{}/account", app.url);
    app.expire_workos_tokens();
    app.make_workos_unavailable();
    browser.visit(&account).await;
    browser.wait_for_heading("Your account").await;
    app.expire_workos_tokens();
    browser.visit(&account).await;
    browser
        .wait_for_heading("Please try again in a moment")
        .await;
    let page = name("session-unconfirmed");
    browser.check_error_page(&page, 503).await;
    app.restore_workos();
    browser.click("Try again").await;
    browser.wait_for_heading("Your account").await;

    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    app.expire_workos_tokens();
    browser.visit(&account).await;
    browser.wait_for_heading("Log in").await;
    let notice = browser.text("[role=status]").await;
    assert_eq!(notice, "Your session has ended. Please log in again.");
    browser.check_page(&name("session-ended")).await;
    assert_eq!(browser.session_cookie().await, None);
    browser.click("Continue with WorkOS").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
}
