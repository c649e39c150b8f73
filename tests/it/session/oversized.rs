//! A user whose profile is larger than a cookie can sign in, and the browser stores the cookie.

use authkit_emulator::{Impersonator, User};

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::log;
use crate::support::steps::set_cookie;

/// The size that every browser stores, of name and value together (RFC 6265bis).
const MOST: usize = 4_096;

fn put(app: &TestApp, change: impl FnOnce(&mut User)) {
    let mut user = app.workos().user("ada@example.com").unwrap();
    change(&mut user);
    user.updated_at += 1_000;
    app.workos().put_user(user);
}

/// Signs in, and asserts that the cookie is small enough and that the account page is shown without a loop.
async fn sign_in_with_a_cookie_that_fits(app: &TestApp) -> String {
    let ada = app.visitor();
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(location(&response), "/");
    let line = set_cookie(&response, "sessionid").unwrap();
    let pair = line.split(';').next().unwrap();
    assert!(pair.len() <= MOST, "{} bytes", pair.len());
    assert!(line.len() <= MOST, "{} bytes for Safari", line.len());
    assert_eq!(
        set_cookies(&response).len(),
        3,
        "it, and the ends of the attempt and of a half-finished log-in"
    );
    let page = ada.get("/account").await;
    assert_eq!(
        page.status(),
        reqwest::StatusCode::OK,
        "no way back to the login"
    );
    page.text().await.unwrap()
}

#[tokio::test]
async fn a_user_with_huge_names_and_a_huge_picture_signs_in() {
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
    let account = sign_in_with_a_cookie_that_fits(&app).await;
    assert!(account.contains("ada@example.com"), "{account}");
    let row = app.user("ada@example.com");
    assert_eq!(row.first_name.len(), 3_000, "the row stores everything");
    assert!(log::has_line_with(
        "WARN the session cookie of account 1 would be too large for browsers",
        "left out: picture_url, last_name, first_name"
    ));
}

#[tokio::test]
async fn only_fields_that_do_not_fit_are_left_out() {
    let app = TestApp::start();
    put(&app, |user| {
        user.profile_picture_url = Some(format!(
            "https://pictures.example.com/{}",
            "p".repeat(9_000)
        ));
    });
    let account = sign_in_with_a_cookie_that_fits(&app).await;
    assert!(account.contains("Ada Example"), "{account}");
    assert!(!account.contains("pictures.example.com"), "{account}");
}

#[tokio::test]
async fn the_characters_with_the_longest_encoding_fit() {
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
        sign_in_with_a_cookie_that_fits(&app).await;
    }
}

#[tokio::test]
async fn cookies_of_every_size_around_the_limit_fit() {
    let app = TestApp::start();
    for length in (1_500..3_000).step_by(100) {
        put(&app, |user| user.first_name = Some("n".repeat(length)));
        sign_in_with_a_cookie_that_fits(&app).await;
    }
}
