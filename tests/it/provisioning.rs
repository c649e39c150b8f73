//! How a sign-in finds, links or creates an account.

mod addresses;
mod at_once;
mod verification;

use authkit_emulator::{Impersonator, Seed};
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::account_sessions::eventually;
use crate::support::app::{TestApp, set_cookies};
use crate::support::exchange::code_for;
use crate::support::steps::{
    assert_nobody_signed_in, assert_signs_in, error_page, is_removal, login_with_next, set_cookie,
};

/// Makes Ada's email unverified. WorkOS only signs in such a user by impersonation from its
/// dashboard.
fn put_unverified_ada(app: &TestApp) {
    let mut ada = app.workos().user("ada@example.com").unwrap();
    ada.email_verified = false;
    ada.impersonator = Some(Impersonator {
        email: "support@example.com".to_owned(),
        reason: None,
    });
    app.workos().put_user(ada);
}

/// Asserts that a sign-in was refused without a session and with a link to a new attempt; returns
/// the page.
async fn assert_refused(response: Response, status: StatusCode) -> String {
    assert_eq!(set_cookie(&response, "sessionid"), None);
    let cookies = set_cookies(&response);
    assert!(cookies.len() == 1 && is_removal(&cookies[0]), "{cookies:?}");
    let page = error_page(response, status).await;
    assert!(page.contains(r#"href="/auth/login?max_age=0""#), "{page}");
    page
}

#[tokio::test]
async fn a_first_sign_in_creates_an_account_from_the_workos_profile() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    let at_workos = app.workos().user("ada@example.com").unwrap();
    let users = app.users();
    assert_eq!(users.len(), 1);
    let ada = &users[0];
    assert_eq!(ada.workos_user_id.as_ref(), Some(&at_workos.id));
    assert_eq!(
        (ada.first_name.as_str(), ada.last_name.as_str()),
        ("Ada", "Example")
    );
    assert!(ada.email_verified && ada.is_active);
    assert!(!ada.is_staff && !ada.is_superuser && !ada.imported);
    assert!(ada.password.starts_with('!'), "{}", ada.password);
    assert!(
        ada.picture_url
            .as_ref()
            .unwrap()
            .ends_with("/pictures/ada.svg")
    );
    assert_eq!(ada.date_joined, app.now());
}

#[tokio::test]
async fn a_person_without_a_name_signs_in() {
    let seed = r#"{"users": [{"email": "no.one@example.com", "email_verified": true,
        "password": "no-one-demo-password"}]}"#;
    let app = TestApp::builder()
        .seed(Seed::from_json(seed).unwrap())
        .start();
    assert_signs_in(&app.visitor(), "no.one@example.com").await;
    let user = app.user("no.one@example.com");
    assert_eq!((user.first_name.as_str(), user.picture_url), ("", None));
}

#[tokio::test]
async fn a_verified_email_links_the_existing_account_regardless_of_case() {
    let app = TestApp::start();
    let existing = app.add_user("ADA@Example.com", true);
    app.signed_in("ada@example.com").await;
    let users = app.users();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].id, existing.id);
    assert_eq!(
        users[0].password, existing.password,
        "a verified owner keeps the password"
    );
    assert!(users[0].workos_user_id.is_some());
}

#[tokio::test]
async fn an_account_whose_email_was_never_verified_loses_its_password_when_linked() {
    let app = TestApp::start();
    let existing = app.add_user("ada@example.com", false);
    app.signed_in("ada@example.com").await;
    let ada = app.user("ada@example.com");
    assert_eq!(ada.id, existing.id);
    assert!(ada.password.starts_with('!'), "{}", ada.password);
    assert_eq!(ada.token_version, existing.token_version + 1);
    assert!(ada.email_verified);
}

#[tokio::test]
async fn an_unverified_email_does_not_link_an_account() {
    let app = TestApp::start();
    let existing = app.add_user("ada@example.com", true);
    put_unverified_ada(&app);
    let ada = app.visitor();
    let page = assert_refused(ada.sign_in("ada@example.com").await, StatusCode::FORBIDDEN).await;
    assert!(
        page.contains("Your email address is not verified"),
        "{page}"
    );
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(app.users(), [existing], "the account did not change");
}

#[tokio::test]
async fn an_unverified_email_without_an_account_creates_an_unverified_account() {
    let app = TestApp::start();
    put_unverified_ada(&app);
    app.signed_in("ada@example.com").await;
    assert!(!app.user("ada@example.com").email_verified);
}

#[tokio::test]
async fn a_deactivated_account_is_not_signed_in_by_its_link() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    ada.post("/auth/logout").await;
    let before = app.user("ada@example.com");
    app.set_active(before.id, false);
    let page = assert_refused(ada.sign_in("ada@example.com").await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("This account is closed"), "{page}");
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.sessions().len(), 1, "only the revoked session");
    assert_eq!(app.user("ada@example.com").last_login, before.last_login);
}

#[tokio::test]
async fn a_deactivated_account_is_not_signed_in_by_its_email() {
    let app = TestApp::start();
    let existing = app.add_user("ada@example.com", true);
    app.set_active(existing.id, false);
    let ada = app.visitor();
    let page = assert_refused(ada.sign_in("ada@example.com").await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("This account is closed"), "{page}");
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(
        app.user("ada@example.com").workos_user_id,
        None,
        "not linked"
    );
    // Nobody could log out of WorkOS's session, and it would sign the user in without credentials.
    let id = app.workos().user("ada@example.com").unwrap().id;
    let has_none = async || app.workos().sessions_of(&id).is_empty();
    eventually(has_none).await;
    let code = json!({ "code": code_for(&app, "ada@example.com").await });
    let refused = ada.post_json("/api/auth/workos/callback", &code).await;
    assert_eq!(refused.json["code"], "account_inactive");
    eventually(has_none).await;
    app.set_active(existing.id, true);
    assert_signs_in(&ada, "ada@example.com").await;
}

#[tokio::test]
async fn an_account_linked_to_another_workos_user_is_a_conflict() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    let mut other = app.workos().user("ada@example.com").unwrap();
    app.workos().delete_user(&other.id);
    other.id = "user_01ANOTHERADA".to_owned();
    app.workos().put_user(other);
    let before = app.users();
    let ada = app.visitor();
    let page = assert_refused(ada.sign_in("ada@example.com").await, StatusCode::CONFLICT).await;
    assert!(
        page.contains("This address belongs to another account"),
        "{page}"
    );
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.users(), before);
}

#[tokio::test]
async fn a_refused_sign_in_offers_a_new_one_with_the_same_target() {
    let app = TestApp::start();
    let existing = app.add_user("ada@example.com", true);
    app.set_active(existing.id, false);
    let ada = app.visitor();
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let page = error_page(ada.get(callback.as_str()).await, StatusCode::FORBIDDEN).await;
    assert!(
        page.contains(r#"href="/auth/login?max_age=0&#38;next=%2Faccount""#),
        "{page}"
    );
}

#[tokio::test]
async fn changes_at_workos_are_written_at_the_next_sign_in() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    let mut ada = app.workos().user("ada@example.com").unwrap();
    ada.first_name = Some("Augusta".to_owned());
    ada.email = "augusta@example.com".to_owned();
    ada.password = Some("augusta-demo-password".to_owned());
    ada.updated_at += 1_000;
    app.workos().put_user(ada);
    app.signed_in("augusta@example.com").await;
    let users = app.users();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].first_name, "Augusta");
    assert_eq!(users[0].email, "augusta@example.com");
}
