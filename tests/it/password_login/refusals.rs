//! All refusals have the same response.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use secrecy::SecretString;
use vestibule::accounts::passwords::{Hasher, PasswordSource};
use vestibule::accounts::{LoginName, authenticate, unusable_password};
use vestibule::ids::UserId;
use vestibule::settings::{LoginField, PasswordLogin};

use super::{EMAIL, PASSWORD, REFUSED, refused};
use crate::support::app::TestApp;

#[tokio::test]
async fn all_reasons_for_a_refusal_have_the_same_response() {
    let app = TestApp::start();
    let email = |name: &str| format!("{name}@example.com");
    let closed = app.add_user_with_password(&email("closed"), PASSWORD);
    app.set_active(closed.id, false);
    let linked = app.add_user_with_password(&email("linked"), PASSWORD);
    app.link_to_workos(linked.id, "user_made_up");
    app.add_user_with_stored_password(&email("unused"), &unusable_password().unwrap());
    app.add_user_with_stored_password(&email("broken"), "argon2$made-up");
    app.add_user_with_stored_password(
        &email("foreign"),
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    );
    app.add_user_with_password(&email("wrong"), "Another-horse-9");
    let names = [
        "closed", "linked", "unused", "broken", "foreign", "wrong", "unknown",
    ];
    let pages = join_all(names.map(|name| {
        let (app, email) = (&app, email(name));
        async move {
            let page = refused(&app.visitor(), &email, PASSWORD).await;
            // Only the email differs, in the field and in the link's hint.
            page.replace(&email, "EMAIL")
                .replace(&email.replace('@', "%40"), "EMAIL")
        }
    }))
    .await;
    for (page, name) in pages.iter().zip(names) {
        assert_eq!(page, &pages[0], "{name}");
    }
    assert!(app.sessions().is_empty());
}

#[tokio::test]
async fn an_account_that_changes_between_check_and_sign_in_is_not_signed_in() {
    let app = TestApp::start();
    let hasher = Hasher::start().unwrap();
    let cases: [fn(&TestApp, UserId); 3] = [
        |app, id| app.set_active(id, false),
        |app, id| app.link_to_workos(id, "user_made_up"),
        |app, id| {
            let now = app.now();
            app.change(|conn| vestibule::accounts::set_password(conn, id, "!", now, None));
        },
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let email = format!("grace{number}@example.com");
        let user = app.add_user_with_password(&email, PASSWORD);
        let password = SecretString::from(PASSWORD);
        let policy = PasswordLogin::Unlinked;
        let name = LoginName::of_form(LoginField::Email, &email);
        let source = PasswordSource::KnownBrowser {
            account: user.id.to_string(),
            browser: String::new(),
        };
        let checked = authenticate(&app.database, &hasher, policy, &name, password, source).await;
        let checked = checked.expect("the password is right");
        change(&app, user.id);
        assert_eq!(app.change(|conn| checked.confirm(conn)), None, "{number}");
    }
}

#[tokio::test]
async fn a_refusal_does_not_change_a_session_renewed_meanwhile() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let ada = app.signed_in("ada@example.com").await;
    let response = ada.log_in(EMAIL, "wrong").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.text().await.unwrap().contains(REFUSED));
    assert!(ada.page("/").await.contains("Welcome, ada@example.com!"));
    assert_eq!(app.only_session().revoked_at, None);
}

/// Without padding, each of them would take far less than a second.
#[tokio::test]
async fn every_refusal_takes_at_least_a_second() {
    let app = TestApp::start();
    app.add_user_with_stored_password("unused@example.com", &unusable_password().unwrap());
    app.add_user_with_password(EMAIL, "Another-horse-9");
    let refusals = ["unused@example.com", "unknown@example.com", EMAIL].map(|email| {
        let visitor = app.visitor();
        async move {
            let began = Instant::now();
            refused(&visitor, email, PASSWORD).await;
            assert!(began.elapsed() >= Duration::from_secs(1), "{email}");
        }
    });
    join_all(refusals).await;
}
