//! A changed `SECRET_KEY`: the stored secret stays readable with `SECRET_KEY_FALLBACKS`, and without them
//! nobody gets in without a recovery code.

use reqwest::StatusCode;
use serde_json::json;

use super::{after_password, app_with_factor, assert_refused, send_code};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{SECRET_KEY, TestApp};

const NEW_KEY: &str = "another-made-up-key-with-more-than-fifty-characters-in-it";

fn replica(app: &TestApp, key: &str, fallbacks: &str) -> TestApp {
    app.replica()
        .setting("SECRET_KEY", key)
        .setting("SECRET_KEY_FALLBACKS", fallbacks)
        .start()
}

#[tokio::test]
async fn a_start_with_a_fallback_encrypts_the_secrets_of_users_who_do_not_log_in() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    drop(replica(&app, NEW_KEY, SECRET_KEY));
    let new = replica(&app, NEW_KEY, "");
    let visitor = after_password(&new).await;
    let code = authenticator.next_code(&app);
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_secret_of_an_older_key_that_comes_later_is_encrypted_when_it_is_used() {
    let app = TestApp::start();
    let both = replica(&app, NEW_KEY, SECRET_KEY);
    // A process with the old key is still running.
    let (app, authenticator) = app_with_factor(app).await;
    let visitor = after_password(&both).await;
    let code = authenticator.next_code(&app);
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
    drop(both);
    let new = replica(&app, NEW_KEY, "");
    let visitor = after_password(&new).await;
    let code = authenticator.next_code(&app);
    assert_eq!(send_code(&visitor, &code).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn without_the_older_key_only_recovery_codes_are_accepted() {
    const LOST: &str = "The codes of your authenticator app cannot be checked.";
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let new = replica(&app, NEW_KEY, "");
    let visitor = after_password(&new).await;
    assert_refused(&visitor, &authenticator.next_code(&app), LOST).await;
    assert_refused(&visitor, &authenticator.wrong_code(&app), LOST).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let asked = new.visitor().post_json("/api/token", &body).await;
    assert_eq!(asked.status, 403);
    let body = json!({
        "pending_authentication_token": asked.text("pending_authentication_token"),
        "code": authenticator.next_code(&app),
    });
    new.visitor().post_json("/api/token", &body).await.assert_is(
        400,
        r#"{"detail":"The codes of this authenticator app cannot be checked. Send a recovery code.","code":"authenticator_unavailable"}"#,
    );
    // A recovery code signs in, and another one removes the factor.
    let [first, second, ..] = &authenticator.recovery_codes[..] else {
        panic!("ten codes")
    };
    assert_eq!(send_code(&visitor, first).await.status(), StatusCode::FOUND);
    let fields = [("action", "remove"), ("code", second.as_str())];
    let response = visitor.submit(super::PAGE, &fields).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    super::set_up(&new, &visitor).await;
}

#[tokio::test]
async fn a_half_finished_log_in_of_an_older_key_continues() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = after_password(&app).await;
    let cookie = visitor
        .cookie("/login/code", "vestibule_login_code")
        .unwrap();
    let code = authenticator.next_code(&app);
    for (fallbacks, target) in [("", "/login?notice=login-expired"), (SECRET_KEY, "/")] {
        let other = replica(&app, NEW_KEY, fallbacks);
        let request = other
            .visitor()
            .request(reqwest::Method::POST, "/login/code")
            .header(
                reqwest::header::COOKIE,
                format!("vestibule_login_code={cookie}"),
            )
            .form(&[("code", code.as_str())]);
        let response = request.send().await.unwrap();
        assert_eq!(
            crate::support::app::location(&response),
            target,
            "{fallbacks}"
        );
    }
}
