//! Changing the password on `/account`.

mod blocklist;
mod guesses;
mod refusals;

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use vestibule::accounts::{passwords, set_password};

use crate::account_sessions::{ADA, workos_has};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in, refused};
use crate::support::app::{SECRET_KEY, TestApp, Visitor, location};
use crate::support::program::Program;

pub(crate) const NEW: &str = "Battery-staple-7";
pub(crate) const WRONG: &str = "Your old password was entered incorrectly. Please enter it again.";

/// Creates a user with a password and signs in with it.
pub(crate) async fn signed_in(app: &TestApp) -> Visitor {
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
    grace
}

pub(crate) async fn change(visitor: &Visitor, old: &str, new: [&str; 2]) -> Response {
    let fields = [
        ("old_password", old),
        ("new_password1", new[0]),
        ("new_password2", new[1]),
    ];
    visitor.submit("/account/password", &fields).await
}

/// Asserts that a change is refused, and returns the page.
pub(crate) async fn refused_change(visitor: &Visitor, old: &str, new: [&str; 2]) -> String {
    let response = change(visitor, old, new).await;
    assert_eq!(response.status(), StatusCode::OK, "{new:?}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_new_password_revokes_the_other_sessions_and_the_old_password() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    let other_browser = app.visitor();
    assert_logs_in(&other_browser, EMAIL, PASSWORD).await;
    let other_user = app.signed_in("ada@example.com").await;

    let response = change(&grace, PASSWORD, [NEW, NEW]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/account?notice=password-changed");
    let page = grace.page(&location(&response)).await;
    let notice = "Your password was changed, and your other sessions have ended.";
    assert!(page.contains(notice), "{page}");

    assert!(!other_browser.is_signed_in().await);
    assert!(grace.is_signed_in().await && other_user.is_signed_in().await);
    let user = app.user(EMAIL);
    assert_eq!(user.token_version % 65_536, 1);
    assert!(passwords::verify(NEW, &user.password));
    let revoked = app
        .sessions()
        .into_iter()
        .filter(|row| row.revoked_at.is_some());
    assert_eq!(revoked.count(), 1);
    refused(&app.visitor(), EMAIL, PASSWORD).await;
    assert_logs_in(&app.visitor(), EMAIL, NEW).await;
}

/// Otherwise WorkOS would sign in again, without credentials, whoever had one of them.
#[tokio::test]
async fn a_new_password_ends_the_other_sessions_at_workos() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let ada = app.signed_in(ADA).await;
    let (id, keep) = (app.user(ADA).id, app.only_session().id);
    let (stored, now) = (passwords::hash(PASSWORD).unwrap(), app.now());
    app.change(|conn| set_password(conn, id, &stored, now, Some(&keep)));
    app.signed_in(ADA).await;
    workos_has(&app, ADA, 2).await;
    let response = change(&ada, PASSWORD, [NEW, NEW]).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
    workos_has(&app, ADA, 1).await;
    assert!(ada.is_signed_in().await);

    let command = Program::new(&["changepassword", ADA])
        .env("DATABASE_URL", app.database_url())
        .env("SECRET_KEY", SECRET_KEY)
        .env("WORKOS_API_BASE_URL", &app.emulator.base_url())
        .env("WORKOS_API_KEY", app.emulator.api_key())
        .env("WORKOS_CLIENT_ID", app.emulator.client_id())
        .input(&format!("{PASSWORD}\n{PASSWORD}\n"));
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    output.exits_with(0);
    workos_has(&app, ADA, 0).await;
}

#[tokio::test]
async fn of_concurrent_changes_one_succeeds_and_the_others_are_refused() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    let new_passwords = ["Battery-staple-1", "Battery-staple-2", "Battery-staple-3"];
    let outcomes = join_all(new_passwords.map(|new| change(&grace, PASSWORD, [new, new]))).await;
    let mut winners = Vec::new();
    for (response, new) in outcomes.into_iter().zip(new_passwords) {
        if response.status() == StatusCode::FOUND {
            winners.push(new);
        } else {
            let page = response.text().await.unwrap();
            assert!(page.contains(WRONG), "{page}");
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let user = app.user(EMAIL);
    assert!(passwords::verify(winners[0], &user.password));
    assert_eq!(user.token_version % 65_536, 1);
}

#[tokio::test]
async fn the_form_is_shown_to_users_with_a_password() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    let page = grace.page("/account").await;
    for part in [
        r#"<form method="post" action="/account/password">"#,
        r#"<label for="old_password">Old password</label>"#,
        r#"<label for="new_password1">New password</label>"#,
        r#"<label for="new_password2">New password confirmation</label>"#,
        r#"autocomplete="new-password""#,
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("role=\"alert\""), "{page}");
    let ada = app.signed_in("ada@example.com").await;
    assert!(!ada.page("/account").await.contains("/account/password"));
}

#[tokio::test]
async fn the_old_password_may_have_a_weaker_hash() {
    let app = TestApp::start();
    let stored = "pbkdf2_sha256$1$seasalt$Ic/q6O7anGS3lBPjJO/afdYW6a5xuGPSQ7iD5xoe4Uk=";
    let grace = signed_in(&app).await;
    let id = app.user(EMAIL).id;
    let now = app.now();
    let keep = app.only_session().id;
    app.change(|conn| vestibule::accounts::set_password(conn, id, stored, now, Some(&keep)));
    let response = change(&grace, PASSWORD, [NEW, NEW]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(passwords::verify(NEW, &app.user(EMAIL).password));
}

#[tokio::test]
async fn a_page_shows_only_its_own_notices() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    for target in [
        "/?notice=password-changed",
        "/account?notice=sign-in-cancelled",
    ] {
        assert!(!grace.page(target).await.contains("class=\"notice"));
    }
}
