//! A form belongs to one browser and one tab.

use reqwest::{Method, StatusCode};

use super::{CODE, MAX, TWYLA, UNA, led_to, stopped};
use crate::support::app::{TestApp, set_cookies};
use crate::support::steps::{assert_nobody_signed_in, error_page, is_removal};

#[tokio::test]
async fn two_tabs_do_not_disturb_each_other() {
    let app = TestApp::start();
    let browser = app.visitor();
    let max = stopped(&browser, MAX, "/account").await;
    let una = stopped(&browser, UNA, "/").await;
    assert_ne!(max, una);
    assert!(browser.page(&max).await.contains("Enter your code"));
    assert!(browser.page(&una).await.contains("Check your email"));
    led_to(&browser.submit(&max, &[("code", CODE)]).await, "/account");
    assert!(
        browser
            .page("/")
            .await
            .contains("Welcome, max@example.com!")
    );
    led_to(&browser.submit(&una, &[("code", CODE)]).await, "/");
    assert!(
        browser
            .page("/")
            .await
            .contains("Welcome, una@example.com!")
    );
    let ended = app
        .sessions()
        .iter()
        .filter(|row| row.revoked_at.is_some())
        .count();
    assert_eq!(ended, 1, "the first session is replaced");
}

/// Twyla leaves the form open, and Ada signs in: a choice of organisation needs no secret.
#[tokio::test]
async fn a_choice_of_organisation_does_not_replace_a_later_session() {
    let app = TestApp::start();
    let browser = app.visitor();
    let twyla = stopped(&browser, TWYLA, "/account").await;
    browser.sign_in("ada@example.com").await;
    let page = browser.get(&twyla).await;
    let page = error_page(page, StatusCode::BAD_REQUEST).await;
    assert!(!page.contains("Tandem Cycles"), "{page}");
    let organization = [("organization_id", "org_made_up")];
    let answer = browser.submit(&twyla, &organization).await;
    error_page(answer, StatusCode::BAD_REQUEST).await;
    let account = browser.page("/account").await;
    assert!(account.contains("ada@example.com"), "{account}");
    assert_eq!(app.only_session().revoked_at, None);
}

/// The form replaces the session that the browser had when the sign-in began.
#[tokio::test]
async fn a_choice_of_organisation_replaces_an_earlier_session() {
    let app = TestApp::start();
    let browser = app.visitor();
    browser.sign_in("ada@example.com").await;
    let twyla = stopped(&browser, TWYLA, "/account").await;
    assert!(browser.page(&twyla).await.contains("Tandem Cycles"));
}

#[tokio::test]
async fn without_a_handle_the_newest_form_is_shown() {
    let app = TestApp::start();
    let browser = app.visitor();
    stopped(&browser, MAX, "/account").await;
    app.clock.advance(chrono::TimeDelta::seconds(1));
    stopped(&browser, UNA, "/").await;
    let page = browser.page("/auth/step").await;
    assert!(page.contains("una@example.com"), "{page}");
    led_to(&browser.submit("/auth/step", &[("code", CODE)]).await, "/");
}

#[tokio::test]
async fn another_browser_cannot_open_the_form() {
    let app = TestApp::start();
    let (una, mallory) = (app.visitor(), app.visitor());
    let step = stopped(&una, UNA, "/").await;
    let cookie = una.cookies("/auth/step");
    let (name, value) = cookie.split_once('=').unwrap();
    assert_eq!(una.cookies("/account"), cookie, "every log-out receives it");
    for target in [step.as_str(), "/auth/step", "/auth/step?id="] {
        error_page(mallory.get(target).await, StatusCode::BAD_REQUEST).await;
        let response = mallory.submit(target, &[("code", CODE)]).await;
        error_page(response, StatusCode::BAD_REQUEST).await;
    }
    let other = format!("vestibule_step_{}={value}", "0".repeat(16));
    let altered = format!("{name}={}", &value[..value.len() - 1]);
    for forged in [other, altered, format!("{name}="), format!("{name}=%00")] {
        let response = mallory.get_with_cookies(&step, &forged).await;
        error_page(response, StatusCode::BAD_REQUEST).await;
    }
    let response = mallory.get_with_cookies(&step, &cookie).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_nobody_signed_in(&app, &mallory).await;
}

#[tokio::test]
async fn another_sites_page_cannot_answer() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/").await;
    let request = una.request(Method::POST, &step).form(&[("code", CODE)]);
    let response = request
        .header("Sec-Fetch-Site", "cross-site")
        .header("Origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    error_page(response, StatusCode::FORBIDDEN).await;
    assert_nobody_signed_in(&app, &una).await;
}

#[tokio::test]
async fn a_prefetch_changes_nothing() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/").await;
    let asked = app.workos().requests().len();
    let head = twyla.request(Method::HEAD, &step).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let request = twyla.request(Method::GET, &step);
    let ahead = request
        .header("Sec-Purpose", "prefetch")
        .send()
        .await
        .unwrap();
    assert_eq!(ahead.status(), StatusCode::OK);
    assert_eq!(app.workos().requests().len(), asked);
    assert_eq!(app.pending_sign_ins().len(), 1);
    let put = twyla.request(Method::PUT, &step).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn pending_sign_ins_do_not_accumulate_in_the_browser() {
    let app = TestApp::start();
    let una = app.visitor();
    let mut last = String::new();
    for _ in 0..8 {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        last = stopped(&una, UNA, "/").await;
        let response = una.get(&last).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(set_cookies(&response).iter().all(|line| is_removal(line)));
    }
    assert_eq!(una.cookies("/auth/step").split("; ").count(), 5);
    led_to(&una.submit(&last, &[("code", CODE)]).await, "/");
}
