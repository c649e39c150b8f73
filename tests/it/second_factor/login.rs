//! The code at `/login/code`.

use chrono::TimeDelta;
use reqwest::StatusCode;

use super::{USED, WRONG, after_password, app_with_factor, assert_refused, send_code};
use crate::password_login::{EMAIL, PASSWORD, refused};
use crate::support::app::{TestApp, location};
use crate::support::steps::{is_removal, set_cookie};

const EXPIRED: &str = "/login?notice=login-expired";

#[tokio::test]
async fn a_code_follows_the_password() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let visitor = app.visitor();
    let fields = [
        ("email", EMAIL),
        ("password", PASSWORD),
        ("next", "/account"),
    ];
    let response = visitor.submit("/login", &fields).await;
    assert_eq!(location(&response), "/login/code?next=%2Faccount");
    assert_eq!(set_cookie(&response, "sessionid"), None);
    let line = set_cookie(&response, "vestibule_login_code").unwrap();
    for part in [
        "HttpOnly",
        "Path=/login/code",
        "SameSite=Lax",
        "Max-Age=600",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let page = visitor.page("/login/code?next=/account").await;
    assert!(page.contains(r#"autocomplete="one-time-code""#), "{page}");
    assert!(page.contains(r#"name="next" value="/account""#), "{page}");
    let code = authenticator.next_code(&app);
    let typed = format!(" {} {} ", &code[..3], &code[3..]);
    let fields = [("code", typed.as_str()), ("next", "/account")];
    let response = visitor.submit("/login/code", &fields).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/account");
    assert!(is_removal(
        &set_cookie(&response, "vestibule_login_code").unwrap()
    ));
    assert!(visitor.is_signed_in().await);
}

#[tokio::test]
async fn a_wrong_password_does_not_tell_that_a_code_would_follow() {
    let (app, _) = app_with_factor(TestApp::start()).await;
    app.add_user_with_password("plain@example.com", PASSWORD);
    let pages = [
        refused(&app.visitor(), EMAIL, "wrong")
            .await
            .replace(EMAIL, ""),
        refused(&app.visitor(), "plain@example.com", "wrong")
            .await
            .replace("plain@example.com", ""),
    ];
    let neutral =
        pages.map(|page| page.replace("Olive.Sample%40example.com", "plain%40example.com"));
    assert_eq!(neutral[0], neutral[1]);
}

#[tokio::test]
async fn a_code_is_accepted_once_and_within_one_step() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    // The code that confirmed the set-up is used.
    let first = after_password(&app).await;
    assert_refused(&first, &authenticator.code_at(app.now()), USED).await;
    assert_refused(&first, &authenticator.wrong_code(&app), WRONG).await;
    let code = authenticator.next_code(&app);
    app.clock.advance(TimeDelta::seconds(30));
    assert_eq!(send_code(&first, &code).await.status(), StatusCode::FOUND);
    let second = after_password(&app).await;
    assert_refused(&second, &code, USED).await;
    app.clock.advance(TimeDelta::seconds(60));
    assert_refused(&second, &code, WRONG).await;
}

#[tokio::test]
async fn a_recovery_code_is_accepted_once() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let code = &authenticator.recovery_codes[3];
    let first = after_password(&app).await;
    let upper = code.to_uppercase().replace('-', " ");
    assert_eq!(send_code(&first, &upper).await.status(), StatusCode::FOUND);
    assert!(first.is_signed_in().await);
    let second = after_password(&app).await;
    assert_refused(&second, code, WRONG).await;
    let other = &authenticator.recovery_codes[4];
    assert_eq!(send_code(&second, other).await.status(), StatusCode::FOUND);
    assert_eq!(app.count_rows("FROM recovery_codes"), 8);
}

#[tokio::test]
async fn the_step_expires_and_ends_with_a_new_password_or_a_closed_account() {
    for how in ["time", "password", "closed", "factor"] {
        let (app, authenticator) = app_with_factor(TestApp::start()).await;
        let visitor = after_password(&app).await;
        let id = app.user(EMAIL).id;
        match how {
            "time" => app.clock.advance(TimeDelta::minutes(10)),
            "password" => {
                let statement =
                    format!("UPDATE users SET token_version = token_version + 1 WHERE id = {id}");
                app.run_sql(&statement);
            }
            "closed" => app.set_active(id, false),
            _ => app.run_sql("DELETE FROM totp_factors"),
        }
        let response = send_code(&visitor, &authenticator.next_code(&app)).await;
        assert_eq!(location(&response), EXPIRED, "{how}");
        assert!(!visitor.is_signed_in().await, "{how}");
    }
    let app = TestApp::start();
    let response = app.visitor().get("/login/code").await;
    assert_eq!(location(&response), EXPIRED, "without a password");
    let page = app.visitor().page(EXPIRED).await;
    assert!(page.contains("This log-in has expired."), "{page}");
}
