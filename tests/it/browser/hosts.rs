//! One server under two host names.

use super::steps::WELCOME_ADA;
use crate::hosts::{separate, start_shared, urls};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

const SIGNED_OUT: &str = "Log in to continue";

async fn assert_at(browser: &Browser, url: &str) {
    let current = browser.current_url().await.unwrap();
    assert!(current.as_str().starts_with(url), "{current}, not {url}");
}

#[actix_web::test]
async fn hosts_of_a_domain_share_the_session() {
    let app = start_shared();
    let [a, b] = urls(&app.settings);
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{a}/auth/login")).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_at(&browser, &a).await;
    browser.visit(&b).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_at(&browser, &b).await;
    // The form leads to WorkOS and to the host of PUBLIC_URL, which the policy must allow.
    browser.visit(&format!("{b}/account")).await;
    browser.click("Log out").await;
    browser.wait_for_heading(SIGNED_OUT).await;
    assert_at(&browser, &a).await;
    browser.visit(&b).await;
    browser.wait_for_heading(SIGNED_OUT).await;
    assert_eq!(browser.session_cookie().await, None);
    // A sign-in that begins at the other host returns to it.
    browser.visit(&format!("{b}/account")).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
    assert_at(&browser, &format!("{b}/account")).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_log_in_with_a_password_leads_to_the_other_host() {
    let app = start_shared();
    app.add_password_user("ada@example.com");
    let [a, b] = urls(&app.settings);
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{a}/login?next={b}/account")).await;
    browser.fill("email", "ada@example.com").await;
    browser
        .fill("password", crate::support::api::PASSWORD)
        .await;
    browser.click("Log in").await;
    browser.wait_for_heading("Your account").await;
    assert_at(&browser, &format!("{b}/account")).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[actix_web::test]
async fn hosts_with_redirect_uris_sign_people_in_by_themselves() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{b}/auth/login")).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_at(&browser, &b).await;
    browser.visit(&a).await;
    browser.wait_for_heading(SIGNED_OUT).await;
    // WorkOS's own session signs in here too.
    browser.click("Log in").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_at(&browser, &a).await;
    browser.visit(&b).await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.click("Log out").await;
    browser.wait_for_heading(SIGNED_OUT).await;
    assert_at(&browser, &b).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
