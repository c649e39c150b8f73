//! Setting up and removing the factor on `/account/authenticator`.

use chrono::TimeDelta;
use reqwest::StatusCode;

use super::{Authenticator, PAGE, app_with_factor, between, recovery_codes_of, set_up, set_up_of};
use crate::account_sessions::{ADA, workos_has};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::error_page;

async fn signed_in(app: &TestApp, authenticator: &Authenticator) -> Visitor {
    let visitor = super::after_password(app).await;
    let response = super::send_code(&visitor, &authenticator.next_code(app)).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    visitor
}

#[tokio::test]
async fn a_factor_counts_after_its_first_code() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let visitor = app.visitor();
    visitor.log_in(EMAIL, PASSWORD).await;
    let account = visitor.page("/account").await;
    assert!(account.contains("Set up an authenticator app"), "{account}");
    let (totp, setup) = set_up_of(&visitor.page(PAGE).await);
    let authenticator = Authenticator {
        totp,
        recovery_codes: Vec::new(),
    };
    let wrong = authenticator.wrong_code(&app);
    let fields = [("setup", setup.as_str()), ("code", wrong.as_str())];
    let page = visitor.submit(PAGE, &fields).await.text().await.unwrap();
    assert!(page.contains(super::WRONG), "{page}");
    let (_, same) = set_up_of(&page);
    assert_eq!(app.count_rows("FROM totp_factors"), 0);
    assert_eq!(location(&app.visitor().log_in(EMAIL, PASSWORD).await), "/");
    let code = authenticator.code_at(app.now());
    let fields = [("setup", same.as_str()), ("code", code.as_str())];
    let page = visitor.submit(PAGE, &fields).await.text().await.unwrap();
    assert_eq!(recovery_codes_of(&page).len(), 10, "{page}");
    // A reload shows neither the codes nor the secret again.
    let again = visitor.submit(PAGE, &fields).await;
    assert_eq!(location(&again), PAGE);
    let page = visitor.page(PAGE).await;
    assert!(!page.contains("secret") && recovery_codes_of(&page).is_empty());
    assert!(page.contains("You have 10 recovery codes left."), "{page}");
}

#[tokio::test]
async fn a_set_up_belongs_to_its_session_and_expires() {
    let app = TestApp::start();
    for email in [EMAIL, "ada@example.com"] {
        app.add_user_with_password(email, PASSWORD);
    }
    let (olive, ada) = (app.visitor(), app.visitor());
    olive.log_in(EMAIL, PASSWORD).await;
    ada.log_in("ada@example.com", PASSWORD).await;
    let (totp, setup) = set_up_of(&olive.page(PAGE).await);
    let authenticator = Authenticator {
        totp,
        recovery_codes: Vec::new(),
    };
    let code = authenticator.code_at(app.now());
    let fields = [("setup", setup.as_str()), ("code", code.as_str())];
    let page = ada.submit(PAGE, &fields).await.text().await.unwrap();
    assert!(page.contains("This page was open for too long."), "{page}");
    assert_eq!(app.count_rows("FROM totp_factors"), 0);
    // A recent log-in is needed.
    app.clock.advance(TimeDelta::minutes(15));
    error_page(olive.get(PAGE).await, StatusCode::FORBIDDEN).await;
    error_page(olive.submit(PAGE, &fields).await, StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn removing_and_new_recovery_codes_need_a_code() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = signed_in(&app, &authenticator).await;
    for action in ["remove", "recovery-codes"] {
        for code in [
            "",
            &authenticator.wrong_code(&app),
            &authenticator.code_at(app.now()),
        ] {
            let fields = [("action", action), ("code", code)];
            let page = visitor.submit(PAGE, &fields).await.text().await.unwrap();
            assert!(page.contains("<title>Error: "), "{action} {code} {page}");
        }
    }
    assert_eq!(app.count_rows("FROM recovery_codes"), 10);
    let code = authenticator.next_code(&app);
    let fields = [("action", "recovery-codes"), ("code", code.as_str())];
    let page = visitor.submit(PAGE, &fields).await.text().await.unwrap();
    let newer = recovery_codes_of(&page);
    assert_eq!(newer.len(), 10, "{page}");
    assert_eq!(app.count_rows("FROM recovery_codes"), 10);
    let old = [
        ("action", "remove"),
        ("code", authenticator.recovery_codes[0].as_str()),
    ];
    let page = visitor.submit(PAGE, &old).await.text().await.unwrap();
    assert!(page.contains(super::WRONG), "{page}");
    let fields = [("action", "remove"), ("code", newer[0].as_str())];
    let response = visitor.submit(PAGE, &fields).await;
    assert_eq!(location(&response), "/account?notice=authenticator-removed");
    assert_eq!(app.count_rows("FROM totp_factors"), 0);
    assert_eq!(app.count_rows("FROM recovery_codes"), 0);
    assert_eq!(location(&app.visitor().log_in(EMAIL, PASSWORD).await), "/");
}

#[tokio::test]
async fn nothing_readable_is_stored_and_a_new_password_keeps_the_factor() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = signed_in(&app, &authenticator).await;
    let fields = [
        ("old_password", PASSWORD),
        ("new_password1", "Battery-staple-7"),
        ("new_password2", "Battery-staple-7"),
    ];
    let response = visitor.submit("/account/password", &fields).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
    let response = app.visitor().log_in(EMAIL, "Battery-staple-7").await;
    assert_eq!(location(&response), "/login/code");
    let page = visitor.page("/account").await;
    assert!(between(&page, "Authenticator app</h2>", "</section>").contains(">On<"));
}

#[tokio::test]
async fn accounts_without_a_password_and_impersonators_cannot_set_one_up() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    assert!(!ada.page("/account").await.contains(PAGE));
    let page = error_page(ada.get(PAGE).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("There is no password to protect"), "{page}");
    let support = app.signed_in("imogen@example.com").await;
    let page = error_page(support.get(PAGE).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("Only the owner of the account"), "{page}");
    let response = app.visitor().get(PAGE).await;
    assert_eq!(
        location(&response),
        "/auth/login?next=%2Faccount%2Fauthenticator"
    );
}

/// WorkOS would sign the user in there again, without credentials.
#[tokio::test]
async fn the_set_up_ends_the_other_sessions_at_workos_too() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    app.signed_in(ADA).await;
    let encoded = app.add_user_with_password(EMAIL, PASSWORD).password;
    let id = app.user(ADA).id;
    app.run_sql(&format!(
        "UPDATE users SET password = '{encoded}' WHERE id = {id}"
    ));
    let browser = app.visitor();
    browser.log_in(ADA, PASSWORD).await;
    workos_has(&app, ADA, 1).await;
    set_up(&app, &browser).await;
    workos_has(&app, ADA, 0).await;
}
