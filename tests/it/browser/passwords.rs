//! Signing in with a password of this site, and changing it.

use super::steps::WELCOME_ADA;
use crate::password_login::{EMAIL, PASSWORD, REFUSED};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

const NEW: &str = "Battery-staple-7";

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_phone() {
    signs_in_and_changes_the_password(Screen::Phone).await;
}

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_desktop() {
    signs_in_and_changes_the_password(Screen::Desktop).await;
}

async fn signs_in_and_changes_the_password(screen: Screen) {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(screen, Scheme::Light).await;
    browser.visit(&app.url).await;
    browser.wait_for_heading("Log in to continue").await;
    browser.check_in_both_schemes("home-with-passwords").await;
    browser.click("Log in with a password").await;
    browser.wait_for_heading("Log in").await;
    browser.check_in_both_schemes("login").await;

    browser.fill("email", EMAIL).await;
    browser.fill("password", "wrong").await;
    browser.click("Log in").await;
    browser.wait_for_heading("Log in").await;
    assert_eq!(browser.text("[role=alert]").await, REFUSED);
    let kept = browser
        .evaluate("return email.value + '|' + password.value")
        .await;
    assert_eq!(kept, format!("{EMAIL}|"));
    browser.check_in_both_schemes("login-refused").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Log in").await;
    browser
        .wait_for_heading(&format!("Welcome, {EMAIL}!"))
        .await;

    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    browser.check_in_both_schemes("account-with-password").await;
    browser.fill("old_password", PASSWORD).await;
    browser.fill("new_password1", "1234567").await;
    browser.fill("new_password2", "1234567").await;
    browser.click("Change password").await;
    browser.wait_for_heading("Your account").await;
    let complaints = browser.text("#new_password2-error").await;
    assert!(complaints.contains("too short"), "{complaints}");
    let focus = browser.evaluate("return document.activeElement.id").await;
    assert_eq!(focus, "old_password");
    // Scrolled to the focused field, Chromium leaves unpainted areas out of the screenshot.
    browser.evaluate("scrollTo(0, 0)").await;
    browser.check_in_both_schemes("password-refused").await;
    browser.fill("old_password", PASSWORD).await;
    browser.fill("new_password1", NEW).await;
    browser.fill("new_password2", NEW).await;
    browser.click("Change password").await;
    browser.wait_for_heading("Your account").await;
    let notice = "Your password was changed, and your other sessions have ended.";
    assert_eq!(browser.text(".notice").await, notice);
    browser.check_in_both_schemes("password-changed").await;
    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
}

#[tokio::test]
async fn the_keyboard_alone_signs_in_with_a_password() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    browser.wait_for_heading("Log in").await;
    // The first field has the focus; after a refusal, the password field has it.
    browser.press_keys(EMAIL).await;
    browser.tab_to("Password").await;
    browser.press_keys("wrong").await;
    browser.press_enter().await;
    browser.wait_for_heading("Log in").await;
    let focus = browser.evaluate("return document.activeElement.id").await;
    assert_eq!(focus, "password");
    browser.check_page("focus-password-desktop-light").await;
    browser.press_keys(PASSWORD).await;
    browser.tab_to("Log in").await;
    browser.press_enter().await;
    browser.wait_for_heading("Your account").await;
    browser.tab_to("Old password").await;
    browser.tab_to("New password confirmation").await;
}

#[tokio::test]
async fn forgot_your_password_keeps_next_and_passes_the_email_on() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    browser.fill("email", "ada@example.com").await;
    browser.fill("password", "forgotten").await;
    browser.click("Log in").await;
    browser.wait_for_heading("Log in").await;
    browser.click("Forgot your password?").await;
    browser.wait_for_heading("Sign in").await;
    let url = browser.current_url().await.unwrap();
    assert!(
        url.query()
            .unwrap()
            .contains("login_hint=ada%40example.com"),
        "{url}"
    );
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;

    browser.visit(&format!("{}/login", app.url)).await;
    browser.wait_for_heading("Log in").await;
    browser.check_page("login-signed-in-desktop-dark").await;
    browser.click("Continue").await;
    browser.wait_for_heading(WELCOME_ADA).await;
}

#[tokio::test]
async fn without_passwords_the_page_has_one_button() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "off").start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&format!("{}/login", app.url)).await;
    browser.wait_for_heading("Log in").await;
    browser.check_page("login-off-phone-light").await;
    browser.click("Continue with WorkOS").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
}
