//! Attacks on the second factor.

use futures_util::future::join_all;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};

use super::{
    Authenticator, PAGE, USED, WRONG, after_password, app_with_factor, assert_refused, send_code,
    set_up, set_up_of,
};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, location};
use crate::support::steps::retry_after;

#[tokio::test]
async fn of_requests_with_the_same_code_at_once_one_signs_in() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    for recovery in [false, true] {
        let visitors = join_all((0..6).map(|_| after_password(&app))).await;
        let code = match recovery {
            true => authenticator.recovery_codes[0].clone(),
            false => authenticator.next_code(&app),
        };
        let answers = join_all(visitors.iter().map(|visitor| send_code(visitor, &code))).await;
        let signed_in = answers
            .iter()
            .filter(|one| one.status() == StatusCode::FOUND);
        assert_eq!(signed_in.count(), 1, "recovery: {recovery}");
    }
}

#[tokio::test]
async fn codes_of_another_account_are_refused() {
    let (app, olive) = app_with_factor(TestApp::start()).await;
    app.add_user_with_password("ada@example.com", PASSWORD);
    let ada = app.visitor();
    ada.log_in("ada@example.com", PASSWORD).await;
    let adas: Authenticator = set_up(&app, &ada).await;
    let visitor = after_password(&app).await;
    let code = adas.next_code(&app);
    if code != olive.code_at(app.now()) {
        assert_refused(&visitor, &code, WRONG).await;
    }
    assert_refused(&visitor, &adas.recovery_codes[0], WRONG).await;
    // Nor does the encrypted secret of one row work in another.
    let (from, to) = (app.user("ada@example.com").id, app.user(EMAIL).id);
    app.run_sql(&format!(
        "UPDATE totp_factors SET secret = (SELECT other.secret FROM totp_factors other WHERE other.user_id = {from}) WHERE user_id = {to}"
    ));
    let lost = "The codes of your authenticator app cannot be checked.";
    assert_refused(&visitor, &adas.code_at(app.now()), lost).await;
}

#[tokio::test]
async fn an_altered_or_foreign_cookie_is_refused() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    let genuine = visitor
        .cookie("/login/code", "vestibule_login_code")
        .unwrap();
    let code = authenticator.next_code(&app);
    let session = app.visitor();
    let setup = {
        let other = app.visitor();
        app.add_user_with_password("ada@example.com", PASSWORD);
        other.log_in("ada@example.com", PASSWORD).await;
        super::set_up_of(&other.page(super::PAGE).await).1
    };
    for cookie in ["", "made-up", &genuine[1..], &setup] {
        let request = session
            .request(Method::POST, "/login/code")
            .header(COOKIE, format!("vestibule_login_code={cookie}"))
            .form(&[("code", code.as_str())]);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(!session.is_signed_in().await, "{cookie}");
    }
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn guesses_are_limited_by_the_password_budget_of_the_address() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "8/min")
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start();
    let (app, authenticator) = app_with_factor(app).await;
    let visitor = after_password(&app).await;
    let wrong = authenticator.wrong_code(&app);
    let mut statuses = Vec::new();
    for _ in 0..9 {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        let request = visitor
            .request(Method::POST, "/login/code")
            .header("x-forwarded-for", "192.0.2.9")
            .form(&[("code", &wrong)]);
        statuses.push(request.send().await.unwrap().status());
    }
    assert_eq!(statuses[8], StatusCode::TOO_MANY_REQUESTS, "{statuses:?}");
}

#[tokio::test]
async fn guesses_from_many_addresses_are_limited_and_a_recovery_code_still_works() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    for _ in 0..10 {
        assert_refused(&visitor, &authenticator.wrong_code(&app), WRONG).await;
    }
    let right = authenticator.next_code(&app);
    let response = send_code(&visitor, &right).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(retry_after(response.headers()).is_some_and(|wait| wait > 500));
    let recovery = &authenticator.recovery_codes[0];
    assert_eq!(
        send_code(&visitor, recovery).await.status(),
        StatusCode::FOUND
    );
    app.clock.advance(chrono::TimeDelta::minutes(11));
    let later = after_password(&app).await;
    let code = authenticator.next_code(&app);
    assert_eq!(send_code(&later, &code).await.status(), StatusCode::FOUND);
    let again = after_password(&app).await;
    assert_refused(&again, &code, USED).await;
}

/// Another replica has ended the session, and this one has not read that yet.
#[tokio::test]
async fn a_session_that_has_just_ended_changes_nothing_that_lasts() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let visitor = app.visitor();
    visitor.log_in(EMAIL, PASSWORD).await;
    let (totp, setup) = set_up_of(&visitor.page(PAGE).await);
    let thief = Authenticator {
        totp,
        recovery_codes: Vec::new(),
    };
    let code = thief.code_at(app.now());
    app.run_sql("UPDATE sessions SET revoked_at = created_at");
    let fields = [("setup", setup.as_str()), ("code", code.as_str())];
    visitor.submit(PAGE, &fields).await;
    let new = "another made-up passphrase";
    let fields = [
        ("old_password", PASSWORD),
        ("new_password1", new),
        ("new_password2", new),
    ];
    visitor.submit("/account/password", &fields).await;
    let owner = app.visitor();
    let response = owner.log_in(EMAIL, PASSWORD).await;
    assert_eq!(location(&response), "/", "no code is asked for");
    assert!(owner.is_signed_in().await);
}
