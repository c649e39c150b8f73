//! Switching a session to another organisation.

use fantoccini::Locator;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

async fn switches_organization(screen: Screen) {
    let app = TestApp::start();
    let browser = Browser::open(screen, Scheme::Light).await;
    let orchards = app.organization("Example Orchards");
    let login = format!(
        "{}/auth/login?provider=authkit&organization_id={orchards}&next=/account",
        app.url
    );
    browser.visit(&login).await;
    browser.choose_user("twyla@example.com").await;
    browser.wait_for_heading("Your account").await;
    let section = "section[aria-labelledby=organisation]";
    assert!(browser.text(section).await.contains("admin"));
    browser.check_in_both_schemes("organization-choice").await;

    let tandem = app.organization("Tandem Cycles");
    let radio = format!("input[value='{tandem}']");
    let radio = browser.find(Locator::Css(&radio)).await.unwrap();
    radio.click().await.unwrap();
    browser.click("Switch").await;
    let notice = browser.text(".notice.success").await;
    assert_eq!(notice, "You are now in Tandem Cycles.");
    assert!(browser.text(section).await.contains("member"));
    browser.check_in_both_schemes("organization-switched").await;

    // An id as if the membership had ended meanwhile.
    let forged =
        format!("document.querySelector(\"input[value='{orchards}']\").value = 'org_gone'");
    browser.evaluate(&forged).await;
    let gone = browser.find(Locator::Css("input[value=org_gone]")).await;
    gone.unwrap().click().await.unwrap();
    browser.click("Switch").await;
    let error = browser.wait();
    error
        .for_element(Locator::Css("#organization_id-error"))
        .await
        .unwrap();
    browser.check_in_both_schemes("organization-refused").await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_phone() {
    switches_organization(Screen::Phone).await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_desktop() {
    switches_organization(Screen::Desktop).await;
}
