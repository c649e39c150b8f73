//! The pages of different users: impersonated, with a role, without a name, with a very long name.

use authkit_emulator::{Seed, SeedUser};

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

async fn signed_in(app: &TestApp, email: &str, screen: Screen, scheme: Scheme) -> Browser {
    let browser = Browser::open(screen, scheme).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user(email).await;
    browser
        .wait_for_heading(&format!("Welcome, {email}!"))
        .await;
    browser
}

#[tokio::test]
async fn an_impersonated_session_says_so_on_every_page() {
    let app = TestApp::start();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Desktop, Scheme::Dark),
    ] {
        let browser = signed_in(&app, "imogen@example.com", screen, scheme).await;
        let banner = "Impersonated session. support@example.com is signed in as imogen@example.com. Reason: Looking into a support ticket";
        assert_eq!(browser.text("aside.banner").await, banner);
        browser
            .check_page(&picture("impersonated-home", screen, scheme))
            .await;
        browser.click("Your account").await;
        browser.wait_for_heading("Your account").await;
        assert_eq!(browser.text("aside.banner").await, banner);
        assert!(browser.text("main").await.contains("Impersonation"));
        browser
            .check_page(&picture("impersonated-account", screen, scheme))
            .await;
    }
}

#[tokio::test]
async fn a_member_of_an_organisation_sees_its_id_and_the_role() {
    let app = TestApp::start();
    let browser = signed_in(&app, "olive@example.com", Screen::Phone, Scheme::Light).await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    let organisation = browser.text("[aria-labelledby=organisation]").await;
    assert!(organisation.contains("org_"), "{organisation}");
    assert!(organisation.contains("admin"), "{organisation}");
    browser.check_page("organisation-phone-light").await;
}

#[tokio::test]
async fn a_user_without_name_and_picture_is_greeted_by_email() {
    let app = TestApp::start();
    let email = "no.name@example.com";
    let browser = signed_in(&app, email, Screen::Phone, Scheme::Dark).await;
    assert_eq!(browser.text(".profile .avatar").await, "N");
    browser.check_page("nameless-home-phone-dark").await;
    browser.click("Your account").await;
    browser.wait_for_heading("Your account").await;
    let profile = browser.text("[aria-label=Profile]").await;
    assert_eq!(profile.matches(email).count(), 1, "{profile}");
    let page = browser.text("main").await;
    assert!(!page.contains("None"), "{page}");
    let lines = "const range = document.createRange();
        range.selectNodeContents(document.querySelector('.profile-email').firstChild);
        return new Set([...range.getClientRects()].map(line => line.top)).size";
    assert_eq!(browser.evaluate(lines).await, 1, "the email is on one line");
    browser.check_page("nameless-account-phone-dark").await;
}

#[tokio::test]
async fn a_very_long_name_fits_on_every_page() {
    let app = TestApp::builder().seed(very_long()).start();
    let email = very_long().users[0].email.clone();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Desktop, Scheme::Light),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/auth/login", app.url)).await;
        browser.wait_for_heading("Sign in").await;
        browser
            .check_page(&picture("endless-authkit", screen, scheme))
            .await;
        browser.choose_user(&email).await;
        browser
            .wait_for_heading(&format!("Welcome, {email}!"))
            .await;
        browser
            .check_page(&picture("endless-home", screen, scheme))
            .await;
        browser.click("Your account").await;
        browser.wait_for_heading("Your account").await;
        browser
            .check_page(&picture("endless-account", screen, scheme))
            .await;
    }
}

/// A user with the longest possible email address and very long names.
fn very_long() -> Seed {
    let mut seed = Seed::default();
    seed.organizations.clear();
    seed.connections.clear();
    seed.invitations.clear();
    seed.users = vec![SeedUser {
        email: format!("{}@{}.example.com", "a".repeat(64), "b".repeat(60)),
        first_name: Some("Wolfeschlegelsteinhausenbergerdorff".repeat(3)),
        last_name: Some("and then a great many words more ".repeat(4)),
        email_verified: true,
        ..SeedUser::default()
    }];
    seed
}

#[tokio::test]
async fn the_initials_show_if_the_picture_does_not_load() {
    let mut seed = Seed::default();
    seed.users[0].profile_picture_url = Some("/pictures/not-there.png".to_owned());
    let app = TestApp::builder().seed(seed).start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.fill("email", "ada@example.com").await;
    browser.fill("password", "ada-demo-password").await;
    browser.click("Continue").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    assert_eq!(browser.images_loaded().await, [true, false, false]);
    assert_eq!(browser.text(".profile .avatar").await, "AE");
    browser.save_screenshot("no-picture-desktop-light").await;
    let mut errors = browser.console_errors().await;
    errors.retain(|error| !error.contains("/pictures/not-there.png"));
    assert_eq!(errors, Vec::<String>::new());
}
