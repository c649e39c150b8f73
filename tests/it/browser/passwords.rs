//! Signing in by a password of this site, and changing it, in a real browser.

use super::steps::{WELCOME_ADA, picture};
use crate::password_login::{EMAIL, PASSWORD, REFUSED};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

const NEW: &str = "Battery-staple-7";

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_phone_in_the_light() {
    from_home_to_a_new_password(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_phone_in_the_dark() {
    from_home_to_a_new_password(Screen::Phone, Scheme::Dark).await;
}

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_desktop_in_the_light() {
    from_home_to_a_new_password(Screen::Desktop, Scheme::Light).await;
}

#[tokio::test]
async fn a_person_signs_in_and_changes_the_password_on_a_desktop_in_the_dark() {
    from_home_to_a_new_password(Screen::Desktop, Scheme::Dark).await;
}

async fn from_home_to_a_new_password(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(screen, scheme).await;
    let name = |page: &str| picture(page, screen, scheme);
    browser.visit(&app.url).await;
    browser.see("Log in to continue").await;
    browser.look(&name("home-with-passwords")).await;
    browser.click("Log in with a password").await;
    browser.see("Log in").await;
    browser.look(&name("login")).await;

    browser.fill("email", EMAIL).await;
    browser.fill("password", "wrong").await;
    browser.click("Log in").await;
    browser.see("Log in").await;
    assert_eq!(browser.text("[role=alert]").await, REFUSED);
    let kept = browser
        .ask("return email.value + '|' + password.value")
        .await;
    assert_eq!(kept, format!("{EMAIL}|"));
    browser.look(&name("login-refused")).await;
    browser.fill("password", PASSWORD).await;
    browser.click("Log in").await;
    browser.see(&format!("Welcome, {EMAIL}!")).await;

    browser.click("Your account").await;
    browser.see("Your account").await;
    browser.look(&name("account-with-password")).await;
    browser.fill("old_password", PASSWORD).await;
    browser.fill("new_password1", "1234567").await;
    browser.fill("new_password2", "1234567").await;
    browser.click("Change password").await;
    browser.see("Your account").await;
    let complaints = browser.text("#new_password2-error").await;
    assert!(complaints.contains("too short"), "{complaints}");
    let focus = browser.ask("return document.activeElement.id").await;
    assert_eq!(focus, "old_password");
    // Chromium leaves out of a picture what it has not painted yet, far below a focus it went to.
    browser.ask("scrollTo(0, 0)").await;
    browser.look(&name("password-refused")).await;
    browser.fill("old_password", PASSWORD).await;
    browser.fill("new_password1", NEW).await;
    browser.fill("new_password2", NEW).await;
    browser.click("Change password").await;
    browser.see("Your account").await;
    let notice = "Your password was changed, and your other sessions have ended.";
    assert_eq!(browser.text(".notice").await, notice);
    browser.look(&name("password-changed")).await;
    browser.click("Log out").await;
    browser.see("Log in to continue").await;
    assert_eq!(browser.session().await, None);
}

#[tokio::test]
async fn the_keyboard_alone_signs_in_by_a_password() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    browser.see("Log in").await;
    // The first field waits for what is typed; after a refusal it is the password's.
    browser.press(EMAIL).await;
    browser.tab_to("Password").await;
    browser.press("wrong").await;
    browser.enter().await;
    browser.see("Log in").await;
    let focus = browser.ask("return document.activeElement.id").await;
    assert_eq!(focus, "password");
    browser.look("focus-password-desktop-light").await;
    browser.press(PASSWORD).await;
    browser.tab_to("Log in").await;
    browser.enter().await;
    browser.see("Your account").await;
    browser.tab_to("Old password").await;
    browser.tab_to("New password confirmation").await;
}

#[tokio::test]
async fn the_other_door_keeps_the_way_back_and_passes_the_email_on() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Dark).await;
    browser
        .visit(&format!("{}/login?next=/account", app.url))
        .await;
    browser.fill("email", "ada@example.com").await;
    browser.fill("password", "forgotten").await;
    browser.click("Log in").await;
    browser.see("Log in").await;
    browser.click("Forgot your password?").await;
    browser.see("Sign in").await;
    let url = browser.current_url().await.unwrap();
    assert!(
        url.query()
            .unwrap()
            .contains("login_hint=ada%40example.com"),
        "{url}"
    );
    browser.choose("ada@example.com").await;
    browser.see("Your account").await;

    browser.visit(&format!("{}/login", app.url)).await;
    browser.see("Log in").await;
    browser.look("login-signed-in-desktop-dark").await;
    browser.click("Continue").await;
    browser.see(WELCOME_ADA).await;
}

#[tokio::test]
async fn without_passwords_the_page_is_one_button() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "off").start();
    let browser = Browser::open(Screen::Phone, Scheme::Light).await;
    browser.visit(&format!("{}/login", app.url)).await;
    browser.see("Log in").await;
    browser.look("login-off-phone-light").await;
    browser.click("Continue with WorkOS").await;
    browser.choose("ada@example.com").await;
    browser.see(WELCOME_ADA).await;
}
