//! One's own sessions on the account page, in a real browser.

use super::steps::{WELCOME_ADA, picture};
use crate::account_sessions::{ADA, IPHONE, signed_in_with};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_person_signs_out_there_and_everywhere_on_a_phone_in_the_light() {
    there_and_everywhere(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_out_there_and_everywhere_on_a_phone_in_the_dark() {
    there_and_everywhere(Screen::Phone, Scheme::Dark).await;
}

#[tokio::test]
async fn a_person_signs_out_there_and_everywhere_on_a_desktop_in_the_light() {
    there_and_everywhere(Screen::Desktop, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_out_there_and_everywhere_on_a_desktop_in_the_dark() {
    there_and_everywhere(Screen::Desktop, Scheme::Dark).await;
}

async fn there_and_everywhere(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    let tablet = signed_in_with(&app, "Mozilla/5.0 (iPad) Safari/604.1", ADA).await;
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    app.advance(1);
    let browser = Browser::open(screen, scheme).await;
    let name = |page: &str| picture(page, screen, scheme);
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose(ADA).await;
    browser.see(WELCOME_ADA).await;
    browser.click("Your account").await;
    browser.see("Your account").await;
    let first = browser.text(".sessions li").await;
    assert!(first.contains("Chrome on Linux"), "{first}");
    assert!(first.contains("This browser"), "{first}");
    browser.look(&name("account-sessions")).await;

    browser.click("Log out there").await;
    browser.see("Your account").await;
    let notice = browser.text(".notice").await;
    assert_eq!(notice, "The session was logged out.");
    browser.look(&name("account-session-signed-out")).await;
    assert!(!phone.is_signed_in().await && tablet.is_signed_in().await);

    browser.click("Log out everywhere").await;
    browser.see("Log in to continue").await;
    assert_eq!(browser.session().await, None);
    assert!(!tablet.is_signed_in().await);
}
