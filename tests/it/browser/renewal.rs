//! A session that follows WorkOS, as its user meets it: nothing while all is well, else a page that
//! says what happened and leads back.

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_session_is_renewed_held_and_ended_on_a_phone_in_the_light() {
    from_renewal_to_the_end(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_session_is_renewed_held_and_ended_on_a_desktop_in_the_dark() {
    from_renewal_to_the_end(Screen::Desktop, Scheme::Dark).await;
}

async fn from_renewal_to_the_end(screen: Screen, scheme: Scheme) {
    let app = TestApp::builder()
        .setting("SESSION_STALE_GRACE", "60")
        .start();
    let browser = Browser::open(screen, scheme).await;
    let name = |page: &str| picture(page, screen, scheme);
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
    app.expire_workos_tokens();
    browser.visit(&app.url).await;
    browser.see(WELCOME_ADA).await;
    assert_eq!(app.renewals(), 1);

    let account = format!("{}/account", app.url);
    app.expire_workos_tokens();
    app.make_workos_unavailable();
    browser.visit(&account).await;
    browser.see("Your account").await;
    app.expire_workos_tokens();
    browser.visit(&account).await;
    browser.see("Please try again in a moment").await;
    let page = name("session-unconfirmed");
    browser.look_at_error(&page, 503).await;
    app.restore_workos();
    browser.click("Try again").await;
    browser.see("Your account").await;

    let sid = app.only_session().workos_sid.unwrap();
    app.workos().revoke_session(&sid);
    app.expire_workos_tokens();
    browser.visit(&account).await;
    browser.see("Log in").await;
    let notice = browser.text("[role=status]").await;
    assert_eq!(notice, "Your session has ended. Please log in again.");
    browser.look(&name("session-ended")).await;
    assert_eq!(browser.session().await, None);
    browser.click("Continue with WorkOS").await;
    browser.choose("ada@example.com").await;
    browser.see("Your account").await;
}
