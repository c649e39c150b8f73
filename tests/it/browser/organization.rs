//! A session that goes over into another organisation, as its person sees it.

use fantoccini::Locator;

use super::steps::picture;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

async fn switches(screen: Screen, scheme: Scheme) {
    let app = TestApp::start();
    let browser = Browser::open(screen, scheme).await;
    let orchards = app.organization("Example Orchards");
    let login = format!(
        "{}/auth/login?provider=authkit&organization_id={orchards}&next=/account",
        app.url
    );
    browser.visit(&login).await;
    browser.choose("twyla@example.com").await;
    browser.see("Your account").await;
    let section = "section[aria-labelledby=organisation]";
    assert!(browser.text(section).await.contains("admin"));
    browser
        .look(&picture("organization-choice", screen, scheme))
        .await;

    let tandem = app.organization("Tandem Cycles");
    let radio = format!("input[value='{tandem}']");
    let radio = browser.find(Locator::Css(&radio)).await.unwrap();
    radio.click().await.unwrap();
    browser.click("Switch").await;
    let told = browser.text(".notice.success").await;
    assert_eq!(told, "You are now in Tandem Cycles.");
    assert!(browser.text(section).await.contains("member"));
    browser
        .look(&picture("organization-switched", screen, scheme))
        .await;

    // Somebody has taken the membership away meanwhile.
    let forged =
        format!("document.querySelector(\"input[value='{orchards}']\").value = 'org_gone'");
    browser.ask(&forged).await;
    let gone = browser.find(Locator::Css("input[value=org_gone]")).await;
    gone.unwrap().click().await.unwrap();
    browser.click("Switch").await;
    let error = browser.wait();
    error
        .for_element(Locator::Css("#organization_id-error"))
        .await
        .unwrap();
    browser
        .look(&picture("organization-refused", screen, scheme))
        .await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_phone_in_light() {
    switches(Screen::Phone, Scheme::Light).await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_phone_in_dark() {
    switches(Screen::Phone, Scheme::Dark).await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_desktop_in_light() {
    switches(Screen::Desktop, Scheme::Light).await;
}

#[tokio::test]
async fn the_organisation_is_switched_on_a_desktop_in_dark() {
    switches(Screen::Desktop, Scheme::Dark).await;
}
