//! Setting up an authenticator app, and logging in with it.

use totp_rs::{Builder, Secret};

use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn a_person_sets_up_an_authenticator_app_on_a_phone() {
    sets_up_and_logs_in(Screen::Phone).await;
}

#[tokio::test]
async fn a_person_sets_up_an_authenticator_app_on_a_desktop() {
    sets_up_and_logs_in(Screen::Desktop).await;
}

/// The code that an app with this secret shows.
fn code(app: &TestApp, secret: &str) -> String {
    let secret = Secret::try_from_base32(secret.replace(' ', "")).expect("base32");
    let totp = Builder::new()
        .with_secret(secret)
        .build()
        .expect("a secret");
    let seconds = u64::try_from(app.now().seconds()).expect("after 1970");
    totp.generate(seconds).to_string()
}

async fn log_in(browser: &Browser) {
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.click("Log in").await;
}

async fn sets_up_and_logs_in(screen: Screen) {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(screen, Scheme::Light).await;
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    log_in(&browser).await;
    browser.wait_for_heading("Your account").await;
    browser.click("Set up an authenticator app").await;
    browser
        .wait_for_heading("Set up an authenticator app")
        .await;
    browser.check_in_both_schemes("authenticator-setup").await;
    let secret = browser.text(".secret").await;
    browser.fill("code", "000").await;
    browser.click("Turn on").await;
    browser
        .wait_for_heading("Set up an authenticator app")
        .await;
    let error = browser.text("#code-error").await;
    assert_eq!(error, "This code is not right. Check it and try again.");
    assert_eq!(browser.text(".secret").await, secret, "the same secret");
    browser.evaluate("scrollTo(0, 0)").await;
    browser
        .check_in_both_schemes("authenticator-setup-refused")
        .await;
    browser.fill("code", &code(&app, &secret)).await;
    browser.click("Turn on").await;
    browser.wait_for_heading("Save your recovery codes").await;
    browser
        .check_in_both_schemes("authenticator-recovery-codes")
        .await;
    let recovery_code = browser.text(".recovery-codes code").await;
    browser.click("I have saved them").await;
    browser.wait_for_heading("Your account").await;
    browser
        .check_in_both_schemes("account-with-authenticator")
        .await;
    browser.click("Change").await;
    browser.wait_for_heading("Authenticator app").await;
    browser.check_in_both_schemes("authenticator").await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;

    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    log_in(&browser).await;
    browser.wait_for_heading("Enter your code").await;
    let focus = browser.evaluate("return document.activeElement.id").await;
    assert_eq!(focus, "code");
    browser.check_in_both_schemes("login-code").await;
    browser.fill("code", &code(&app, &secret)).await;
    browser.click("Log in").await;
    browser.wait_for_heading("Enter your code").await;
    let used = "This code has already been used. Wait for the next one.";
    assert_eq!(browser.text("#code-error").await, used);
    browser.check_in_both_schemes("login-code-refused").await;
    browser.click("Use a recovery code").await;
    browser.wait_for_heading("Enter a recovery code").await;
    browser.check_in_both_schemes("login-recovery-code").await;
    browser.fill("code", &recovery_code).await;
    browser.click("Log in").await;
    browser.wait_for_heading("Your account").await;
    browser.click("Change").await;
    browser.wait_for_heading("Authenticator app").await;
    let left = browser.text("main").await;
    assert!(left.contains("You have 9 recovery codes left."), "{left}");
    app.clock.advance(chrono::TimeDelta::seconds(30));
    browser.fill("remove-code", "wrong").await;
    browser.click("Turn off").await;
    let error = browser.text("#remove-code-error").await;
    assert_eq!(error, "This code is not right. Check it and try again.");
    browser.evaluate("scrollTo(0, 0)").await;
    browser.check_in_both_schemes("authenticator-refused").await;
    browser.fill("remove-code", &code(&app, &secret)).await;
    browser.click("Turn off").await;
    browser.wait_for_heading("Your account").await;
    browser.check_in_both_schemes("authenticator-removed").await;
}
