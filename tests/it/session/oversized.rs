//! A profile larger than a cookie still signs in, and a browser keeps what it is sent.

use authkit_emulator::{Impersonator, User};

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::log;
use crate::support::steps::set_cookie;

/// What every browser keeps, name and value together (RFC 6265bis).
const MOST: usize = 4_096;

fn put(app: &TestApp, change: impl FnOnce(&mut User)) {
    let mut user = app.workos().user("ada@example.com").unwrap();
    change(&mut user);
    user.updated_at += 1_000;
    app.workos().put_user(user);
}

/// Signs in, and asserts that the cookie is kept and the person greeted, without a loop.
async fn signs_in_with_a_cookie_that_is_kept(app: &TestApp) -> String {
    let ada = app.visitor();
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(location(&response), "/");
    let line = set_cookie(&response, "sessionid").unwrap();
    let pair = line.split(';').next().unwrap();
    assert!(pair.len() <= MOST, "{} bytes", pair.len());
    assert!(line.len() <= MOST, "{} bytes for Safari", line.len());
    assert_eq!(set_cookies(&response).len(), 2, "it and the attempt's end");
    let page = ada.get("/account").await;
    assert_eq!(
        page.status(),
        reqwest::StatusCode::OK,
        "no way back to the login"
    );
    page.text().await.unwrap()
}

#[tokio::test]
async fn huge_names_and_a_huge_picture_still_sign_in() {
    log::capture();
    let app = TestApp::start();
    put(&app, |user| {
        user.first_name = Some("F".repeat(3_000));
        user.last_name = Some("L".repeat(3_000));
        user.profile_picture_url = Some(format!(
            "https://pictures.example.com/{}",
            "p".repeat(9_000)
        ));
    });
    let account = signs_in_with_a_cookie_that_is_kept(&app).await;
    assert!(account.contains("ada@example.com"), "{account}");
    let row = app.user("ada@example.com");
    assert_eq!(row.first_name.len(), 3_000, "the row keeps everything");
    assert!(log::has_line_with(
        "WARN the session cookie of account 1 would be too large for browsers",
        "left out: picture_url, last_name, first_name"
    ));
}

#[tokio::test]
async fn only_what_does_not_fit_is_left_out() {
    let app = TestApp::start();
    put(&app, |user| {
        user.profile_picture_url = Some(format!(
            "https://pictures.example.com/{}",
            "p".repeat(9_000)
        ));
    });
    let account = signs_in_with_a_cookie_that_is_kept(&app).await;
    assert!(account.contains("Ada Example"), "{account}");
    assert!(!account.contains("pictures.example.com"), "{account}");
}

#[tokio::test]
async fn the_costliest_characters_still_fit() {
    let app = TestApp::start();
    for text in [
        "\"",
        "\\",
        "\u{1}",
        "<",
        "\u{e9}",
        "\u{1f600}",
        "/",
        "\u{7f}",
    ] {
        put(&app, |user| {
            user.first_name = Some(text.repeat(700));
            user.last_name = Some(text.repeat(150));
            user.impersonator = Some(Impersonator {
                email: format!("{}@example.com", "s".repeat(2_000)),
                reason: Some(text.repeat(2_000)),
            });
        });
        signs_in_with_a_cookie_that_is_kept(&app).await;
    }
}

#[tokio::test]
async fn every_size_up_to_the_bound_and_over_it_is_kept() {
    let app = TestApp::start();
    for length in (1_500..3_000).step_by(100) {
        put(&app, |user| user.first_name = Some("n".repeat(length)));
        signs_in_with_a_cookie_that_is_kept(&app).await;
    }
}
