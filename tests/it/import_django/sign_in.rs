//! Imported users sign in.

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::app::{TestApp, location};
use crate::support::django::Django;
use crate::support::program::Program;
use crate::support::real_django::RealDjango;

pub(super) const PASSWORD: &str = "Correct-horse-9";
/// A hash of [`PASSWORD`], made by Django's hasher with cheap parameters.
const STORED: &str = "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const REFUSAL: &str = "Please enter a correct email address and password. Note that both fields may be case-sensitive.";

pub(super) fn import(app: &TestApp, django: &Django, options: &[&str]) {
    let arguments = [&["import-django", "--from", django.url()], options].concat();
    let program = Program::new(&arguments).env("DATABASE_URL", app.database_url());
    program.run().exits_with(0);
}

pub(super) async fn can_sign_in(app: &TestApp, email: &str, password: &str) -> bool {
    let visitor = app.visitor();
    let response = visitor.log_in(email, password).await;
    match response.status() {
        StatusCode::FOUND => {
            assert_eq!(location(&response), "/");
            let home = visitor.page("/").await;
            assert!(home.contains("Welcome, "), "{email}: {home}");
            true
        }
        StatusCode::OK => {
            let page = response.text().await.unwrap();
            assert!(page.contains(REFUSAL), "{email}: {page}");
            false
        }
        other => panic!("{email}: {other}"),
    }
}

/// Signs in every user that a real Django made, with all hashers, and checks that wrong passwords are
/// refused.
async fn assert_all_users_sign_in((django, made): &(Django, RealDjango)) {
    let app = TestApp::start();
    import(&app, django, &[]);
    let attempts = made.users.iter().map(|user| {
        let app = &app;
        async move {
            let right = user.password.as_deref();
            let wrong = format!("{}x", right.unwrap_or(PASSWORD));
            let good = match right {
                Some(right) => can_sign_in(app, &user.email, right).await,
                None => can_sign_in(app, &user.email, &user.hash).await,
            };
            let expected = user.is_active && right.is_some();
            assert_eq!(good, expected, "{} {}", user.email, user.hash);
            assert!(
                !can_sign_in(app, &user.email, &wrong).await,
                "{}",
                user.email
            );
        }
    });
    join_all(attempts).await;
    let signed_in = made
        .users
        .iter()
        .filter(|user| user.is_active && user.password.is_some());
    assert!(signed_in.count() >= 6, "one for each hasher");
}

#[tokio::test]
async fn users_imported_from_sqlite_sign_in_with_their_passwords() {
    assert_all_users_sign_in(&RealDjango::on_sqlite()).await;
}

/// Without PostgreSQL this uses a SQLite file again.
#[tokio::test]
async fn users_imported_from_this_runs_backend_sign_in_with_their_passwords() {
    assert_all_users_sign_in(&RealDjango::on_this_runs_backend()).await;
}

/// Imports Ada with a password and signs her in through WorkOS.
async fn linked_after_the_import(options: &[&str]) -> TestApp {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let django = Django::new();
    django.add(1, "Ada@example.com");
    django.set(1, &format!("password = '{STORED}'"));
    import(&app, &django, options);
    app.signed_in("ada@example.com").await;
    assert!(app.user("ada@example.com").workos_user_id.is_some());
    app
}

#[tokio::test]
async fn the_password_of_an_unverified_email_is_removed_at_the_first_workos_sign_in() {
    let app = linked_after_the_import(&[]).await;
    assert!(!can_sign_in(&app, "ada@example.com", PASSWORD).await);
    let ada = app.user("ada@example.com");
    assert!(ada.password.starts_with('!'), "{}", ada.password);
    assert_eq!(ada.token_version, 1, "Django's tokens are revoked too");
}

#[tokio::test]
async fn with_emails_verified_the_password_is_kept() {
    let app = linked_after_the_import(&["--emails-verified"]).await;
    assert_eq!(app.user("ada@example.com").token_version, 0);
    assert!(can_sign_in(&app, "ada@example.com", PASSWORD).await);
}
