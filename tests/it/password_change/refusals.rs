//! Refused password changes.

use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use vestibule::accounts::{passwords, unusable_password};
use vestibule::db::schema::{sessions, users};

use super::{NEW, WRONG, change, refused_change, signed_in};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, location};
use crate::support::steps::{error_page, is_removal, set_cookie};

#[tokio::test]
async fn each_mistake_has_djangos_message() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    const REQUIRED: &str = "This field is required.";
    let cases: [(&str, [&str; 2], &[&str]); 9] = [
        ("wrong", [NEW, NEW], &[WRONG]),
        ("", ["", ""], &[REQUIRED]),
        ("", [NEW, NEW], &[REQUIRED]),
        (
            PASSWORD,
            [NEW, "Battery-staple-8"],
            &["The two password fields didn’t match."],
        ),
        (
            PASSWORD,
            ["1234567", "1234567"],
            &[
                "This password is too short. It must contain at least 8 characters.",
                "This password is too common.",
                "This password is entirely numeric.",
            ],
        ),
        (
            PASSWORD,
            ["Olive.Sample@example1", "Olive.Sample@example1"],
            &["The password is too similar to the email address."],
        ),
        (PASSWORD, [NEW, ""], &[REQUIRED]),
        (
            PASSWORD,
            ["", "short"],
            &[REQUIRED, "It must contain at least 8 characters."],
        ),
        (
            PASSWORD,
            ["Battery\0staple", "Battery\0staple"],
            &["Null characters are not allowed."],
        ),
    ];
    for (old, new, messages) in cases {
        let page = refused_change(&grace, old, new).await;
        for message in messages {
            assert!(page.contains(message), "{message} in {page}");
        }
        assert!(page.contains("<title>Error: Your account"), "{page}");
        assert!(page.contains(r#"role="alert""#) && page.contains("autofocus"));
        for input in [old, new[0], new[1]] {
            let echoed = input.len() > 5 && page.contains(input);
            assert!(!echoed, "{input} in {page}");
        }
    }
    assert!(passwords::verify(PASSWORD, &app.user(EMAIL).password));
    assert_eq!(app.user(EMAIL).token_version % 65_536, 0);
    assert!(grace.is_signed_in().await);
}

/// Otherwise somebody who finds an open session could test guesses of the password without leaving
/// a trace.
#[tokio::test]
async fn an_invalid_form_does_not_reveal_whether_the_old_password_is_right() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    for new in [["short", "short"], [NEW, "other"], ["", NEW]] {
        let wrong = refused_change(&grace, "wrong", new).await;
        assert_eq!(wrong, refused_change(&grace, PASSWORD, new).await);
        assert!(!wrong.contains(WRONG), "{wrong}");
    }
}

#[tokio::test]
async fn an_impersonator_cannot_change_the_password() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let support = app.signed_in("imogen@example.com").await;
    let id = app.user("imogen@example.com").id;
    let stored = passwords::hash(PASSWORD).unwrap();
    app.change(|conn| {
        diesel::update(users::table.find(id))
            .set(users::password.eq(&stored))
            .execute(conn)
    });
    let account = support.page("/account").await;
    assert!(!account.contains("/account/password"), "{account}");
    let response = change(&support, PASSWORD, [NEW, NEW]).await;
    let page = error_page(response, StatusCode::FORBIDDEN).await;
    assert!(page.contains("Only the owner of the account"), "{page}");
    assert_eq!(app.user("imogen@example.com").password, stored);
}

#[tokio::test]
async fn without_a_usable_password_there_is_no_form() {
    let linked = TestApp::start();
    let off = TestApp::builder().setting("PASSWORD_LOGIN", "off").start();
    let superusers = TestApp::builder()
        .setting("PASSWORD_LOGIN", "superusers")
        .start();
    let unusable = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    for app in [linked, off, superusers, unusable] {
        let stored = match app.settings.password_login {
            vestibule::settings::PasswordLogin::All => unusable_password(),
            _ => passwords::hash(PASSWORD),
        };
        let stored = stored.unwrap();
        let ada = app.signed_in("ada@example.com").await;
        let id = app.user("ada@example.com").id;
        app.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::password.eq(&stored))
                .execute(conn)
        });
        let account = ada.page("/account").await;
        assert!(!account.contains("/account/password"), "{account}");
        let response = change(&ada, PASSWORD, [NEW, NEW]).await;
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains("There is no password to change"), "{page}");
        assert_eq!(app.user("ada@example.com").password, stored);
    }
}

#[tokio::test]
async fn a_deactivated_or_deleted_account_loses_its_session() {
    let app = TestApp::start();
    for deleted in [false, true] {
        for get in [false, true] {
            let email = format!("grace-{deleted}-{get}@example.com");
            let user = app.add_user_with_password(&email, PASSWORD);
            let grace = app.visitor();
            crate::password_login::assert_logs_in(&grace, &email, PASSWORD).await;
            if deleted {
                app.change(|conn| {
                    diesel::delete(sessions::table.filter(sessions::user_id.eq(user.id)))
                        .execute(conn)?;
                    diesel::delete(users::table.find(user.id)).execute(conn)
                });
            } else {
                app.set_active(user.id, false);
            }
            let response = match get {
                true => grace.get("/account").await,
                false => change(&grace, PASSWORD, [NEW, NEW]).await,
            };
            assert_eq!(response.status(), StatusCode::FOUND);
            assert_eq!(location(&response), "/auth/login?next=%2Faccount");
            let line = set_cookie(&response, "sessionid").expect("the cookie is removed");
            assert!(is_removal(&line), "{line}");
        }
    }
}

#[tokio::test]
async fn signed_out_users_are_sent_to_log_in_and_other_sites_are_refused() {
    let app = TestApp::start();
    let response = change(&app.visitor(), PASSWORD, [NEW, NEW]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/auth/login?next=%2Faccount");

    let grace = signed_in(&app).await;
    let request = grace.request(Method::POST, "/account/password");
    let fields = [
        ("old_password", PASSWORD),
        ("new_password1", NEW),
        ("new_password2", NEW),
    ];
    let request = request.header("sec-fetch-site", "cross-site").form(&fields);
    error_page(request.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    assert!(passwords::verify(PASSWORD, &app.user(EMAIL).password));
}
