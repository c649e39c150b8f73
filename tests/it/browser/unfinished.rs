//! Sign-ins for which WorkOS requires another step.

use authkit_emulator::{Seed, SeedMembership, SeedOrganization};

use super::steps::picture;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};
use crate::support::log::{capture, open_when};
use crate::support::steps::{AUTHENTICATE, count_waiting_forms};

async fn start_sign_in(app: &TestApp, email: &str, screen: Screen, scheme: Scheme) -> Browser {
    let browser = Browser::open(screen, scheme).await;
    let login = format!("{}/auth/login?next=/account", app.url);
    browser.visit(&login).await;
    browser.choose_user(email).await;
    browser
}

#[tokio::test]
async fn a_person_takes_every_step_on_a_phone() {
    every_step(Screen::Phone).await;
}

#[tokio::test]
async fn a_person_takes_every_step_on_a_desktop() {
    every_step(Screen::Desktop).await;
}

async fn every_step(screen: Screen) {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "quinn@example.com", screen, Scheme::Light).await;
    browser.wait_for_heading("Check your email").await;
    browser.check_in_both_schemes("step-email").await;
    browser.fill("code", "000000").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Check your email").await;
    let says = "This code is not right. Check it and try again.";
    assert_eq!(browser.text("[role=alert]").await, says);
    assert_eq!(browser.evaluate("return code.value").await, "");
    browser.check_in_both_schemes("step-email-refused").await;
    browser.fill("code", "123 456").await;
    browser.click("Continue").await;

    browser.wait_for_heading("Enter your code").await;
    browser.check_in_both_schemes("step-totp").await;
    // A reload shows the same question again.
    browser.refresh().await.unwrap();
    browser.wait_for_heading("Enter your code").await;
    browser.fill("code", "123456").await;
    browser.click("Continue").await;

    browser.wait_for_heading("Choose an organisation").await;
    browser.check_in_both_schemes("step-organization").await;
    browser.evaluate("document.querySelectorAll('[name=organization_id]').forEach(one => one.value = 'org_x')").await;
    pick(&browser, "Tandem Cycles").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Choose an organisation").await;
    browser
        .check_in_both_schemes("step-organization-refused")
        .await;
    pick(&browser, "Tandem Cycles").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Your account").await;
    let page = browser.text("main").await;
    assert!(page.contains(&app.organization("Tandem Cycles")), "{page}");
    let names = browser.all_cookies().await;
    let left = names
        .iter()
        .filter(|one| one["name"].as_str().unwrap().starts_with("vestibule_"));
    assert_eq!(left.count(), 0, "the cookies of the attempt are removed");
}

async fn pick(browser: &Browser, organization: &str) {
    let path = format!("//label[normalize-space()='{organization}']");
    let label = browser
        .find(fantoccini::Locator::XPath(&path))
        .await
        .unwrap();
    label.click().await.unwrap();
}

/// Chromium discards the first response and shows that of the last submission. The form is submitted
/// again until a submission waits for the first one; only then WorkOS answers.
#[tokio::test]
async fn a_double_click_signs_in() {
    capture();
    let app = TestApp::start();
    let browser = start_sign_in(&app, "una@example.com", Screen::Desktop, Scheme::Light).await;
    browser.wait_for_heading("Check your email").await;
    browser.fill("code", "123456").await;
    let url = browser.current_url().await.unwrap();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    // A submission cancels the previous one, even one that the server has answered. The third submission
    // is needed only if the second one cancelled the first before it was sent, so it is much later than
    // the response to the second one.
    let again = "let pause = 15; const submit = () => { \
                 document.forms[0].requestSubmit(); setTimeout(submit, pause *= 20); }; submit();";
    let submissions = async {
        browser.evaluate(again).await;
        browser.wait_for_heading("Your account").await;
    };
    open_when(&gate, || count_waiting_forms(url.as_str()) > 0, submissions).await;
    assert!(browser.session_cookie().await.is_some());
    app.only_session();
}

#[tokio::test]
async fn the_keyboard_alone_takes_a_step() {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "una@example.com", Screen::Desktop, Scheme::Light).await;
    browser.wait_for_heading("Check your email").await;
    // The field has the focus.
    browser.press_keys("123456").await;
    browser.check_page("focus-step-desktop-light").await;
    browser.press_enter().await;
    browser.wait_for_heading("Your account").await;
    let twyla = start_sign_in(&app, "twyla@example.com", Screen::Phone, Scheme::Dark).await;
    twyla.wait_for_heading("Choose an organisation").await;
    twyla.tab_to("Example Orchards").await;
    twyla.press_keys(" ").await;
    twyla.check_page("focus-choice-phone-dark").await;
    twyla.tab_to("Continue").await;
    twyla.press_enter().await;
    twyla.wait_for_heading("Your account").await;
}

#[tokio::test]
async fn the_pages_show_no_pending_token() {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "una@example.com", Screen::Desktop, Scheme::Light).await;
    browser.wait_for_heading("Check your email").await;
    let source = browser.source().await.unwrap() + browser.current_url().await.unwrap().as_str();
    let cookies = format!("{:?}", browser.all_cookies().await);
    browser.fill("code", "123456").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Your account").await;
    let requests = app.workos().requests();
    let token = requests
        .iter()
        .find_map(|one| one.body["pending_authentication_token"].as_str());
    let token = token.expect("WorkOS got it");
    assert!(!source.contains(token) && !cookies.contains(token));
}

#[tokio::test]
async fn a_second_factor_is_set_up_at_authkit_during_the_sign_in() {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "enid@example.com", Screen::Phone, Scheme::Light).await;
    browser.wait_for_heading("Set up a second factor").await;
    browser.check_page("authkit-enroll-phone-light").await;
    browser.fill("enroll", "000000").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Set up a second factor").await;
    assert_eq!(browser.text("[role=alert]").await, "The code is wrong.");
    browser.fill("enroll", "123456").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Your account").await;
}

#[tokio::test]
async fn single_sign_on_is_reached_by_a_redirect_or_by_a_link() {
    let mut seed = Seed::default();
    for organization in &mut seed.organizations {
        if organization.sso_required {
            organization.memberships.push(SeedMembership {
                email: Some("twyla@example.com".to_owned()),
                ..SeedMembership::default()
            });
        }
    }
    let app = TestApp::builder().seed(seed).start();
    let browser = start_sign_in(&app, "sol@example.com", Screen::Desktop, Scheme::Dark).await;
    browser.wait_for_heading("Sign in").await;
    assert!(browser.text("main").await.contains("with Harbour SSO"));
    browser.choose_user("sol@example.com").await;
    browser.wait_for_heading("Your account").await;

    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Desktop, Scheme::Dark),
    ] {
        let browser = start_sign_in(&app, "twyla@example.com", screen, scheme).await;
        browser.wait_for_heading("Choose an organisation").await;
        pick(&browser, "Harbour Trust").await;
        browser.click("Continue").await;
        browser.wait_for_heading("Single sign-on").await;
        browser
            .check_page(&picture("step-elsewhere", screen, scheme))
            .await;
        browser.click("Continue with single sign-on").await;
        browser.wait_for_heading("Sign in").await;
        browser.choose_user("twyla@example.com").await;
        browser.wait_for_heading("Your account").await;
    }
}

#[tokio::test]
async fn two_tabs_with_two_users_do_not_interfere() {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "max@example.com", Screen::Desktop, Scheme::Light).await;
    browser.wait_for_heading("Enter your code").await;
    let first = browser.window().await.unwrap();
    let second = browser.new_window(true).await.unwrap();
    browser.switch_to_window(second.handle).await.unwrap();
    browser
        .visit(&format!("{}/auth/login?max_age=0", app.url))
        .await;
    browser.choose_user("una@example.com").await;
    browser.wait_for_heading("Check your email").await;
    browser.switch_to_window(first).await.unwrap();
    browser.fill("code", "123456").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Your account").await;
    assert!(browser.text("main").await.contains("max@example.com"));
}

#[tokio::test]
async fn another_user_can_sign_in_instead() {
    let app = TestApp::start();
    let browser = start_sign_in(&app, "una@example.com", Screen::Phone, Scheme::Dark).await;
    browser.wait_for_heading("Check your email").await;
    browser.click("get a new code").await;
    browser.wait_for_heading("Check your email").await;
    browser.click("Log in as someone else").await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading("Your account").await;
}

#[tokio::test]
async fn two_hundred_organisations_fit_on_a_phone() {
    let mut seed = Seed::default();
    for number in 0..198 {
        let mut organization = SeedOrganization::default();
        organization.name =
            format!("Made-up Society Number {number:03} of Example Orchards and Gardens");
        organization.memberships.push(SeedMembership {
            email: Some("twyla@example.com".to_owned()),
            ..SeedMembership::default()
        });
        seed.organizations.push(organization);
    }
    let app = TestApp::builder().seed(seed).start();
    let browser = start_sign_in(&app, "twyla@example.com", Screen::Phone, Scheme::Light).await;
    browser.wait_for_heading("Choose an organisation").await;
    browser.check_page("step-two-hundred-phone-light").await;
    pick(&browser, "Tandem Cycles").await;
    browser.click("Continue").await;
    browser.wait_for_heading("Your account").await;
}
