//! People of every kind: what their pages say, and that their names do not burst them.

use authkit_emulator::{Seed, SeedUser};

use super::steps::{WELCOME_ADA, picture};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

async fn signed_in(app: &TestApp, email: &str, screen: Screen, scheme: Scheme) -> Browser {
    let browser = Browser::open(screen, scheme).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose(email).await;
    browser.see(&format!("Welcome, {email}!")).await;
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
            .look(&picture("impersonated-home", screen, scheme))
            .await;
        browser.click("Your account").await;
        browser.see("Your account").await;
        assert_eq!(browser.text("aside.banner").await, banner);
        assert!(browser.text("main").await.contains("Impersonation"));
        browser
            .look(&picture("impersonated-account", screen, scheme))
            .await;
    }
}

#[tokio::test]
async fn a_member_of_an_organisation_sees_it_and_the_role() {
    let app = TestApp::start();
    let browser = signed_in(&app, "olive@example.com", Screen::Phone, Scheme::Light).await;
    browser.click("Your account").await;
    browser.see("Your account").await;
    let organisation = browser.text("[aria-labelledby=organisation]").await;
    assert!(organisation.contains("org_"), "{organisation}");
    assert!(organisation.contains("admin"), "{organisation}");
    browser.look("organisation-phone-light").await;
}

#[tokio::test]
async fn a_person_without_name_and_picture_is_greeted_by_e_mail() {
    let app = TestApp::start();
    let email = "no.name@example.com";
    let browser = signed_in(&app, email, Screen::Phone, Scheme::Dark).await;
    assert_eq!(browser.text(".profile .avatar").await, "N");
    browser.look("nameless-home-phone-dark").await;
    browser.click("Your account").await;
    browser.see("Your account").await;
    browser.look("nameless-account-phone-dark").await;
}

#[tokio::test]
async fn a_person_with_endless_names_bursts_no_page() {
    let app = TestApp::builder().seed(endless()).start();
    let email = endless().users[0].email.clone();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Desktop, Scheme::Light),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/auth/login", app.url)).await;
        browser.see("Sign in").await;
        browser
            .look(&picture("endless-authkit", screen, scheme))
            .await;
        browser.choose(&email).await;
        browser.see(&format!("Welcome, {email}!")).await;
        browser.look(&picture("endless-home", screen, scheme)).await;
        browser.click("Your account").await;
        browser.see("Your account").await;
        browser
            .look(&picture("endless-account", screen, scheme))
            .await;
    }
}

/// Nobody is called so, and nothing forbids it.
fn endless() -> Seed {
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
async fn a_picture_that_does_not_load_leaves_the_initials_to_be_seen() {
    let mut seed = Seed::default();
    seed.users[0].profile_picture_url = Some("/pictures/not-there.png".to_owned());
    let app = TestApp::builder().seed(seed).start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.fill("email", "ada@example.com").await;
    browser.fill("password", "ada-demo-password").await;
    browser.click("Continue").await;
    browser.see(WELCOME_ADA).await;
    assert_eq!(browser.pictures().await, [true, false, false]);
    assert_eq!(browser.text(".profile .avatar").await, "AE");
    browser.keep_screenshot("no-picture-desktop-light").await;
    let mut errors = browser.console_errors().await;
    errors.retain(|error| !error.contains("/pictures/not-there.png"));
    assert_eq!(errors, Vec::<String>::new());
}
