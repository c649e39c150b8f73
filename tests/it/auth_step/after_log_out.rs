//! A sign-in that waits for a step does not survive a log-out, or another sign-in in its browser.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::accounts;
use vestibule::ids::UserId;

use super::{CODE, MAX, TWYLA, UNA, led_to, stopped};
use crate::account_sessions::REVOKE;
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, Visitor, set_cookies};
use crate::support::exchange::{WORKOS, code_for, json_of, post, refused};
use crate::support::steps::{error_page, is_removal, obtain_callback_url};

async fn choose(app: &TestApp, visitor: &Visitor, step: &str) -> reqwest::Response {
    let organization = app.organization("Tandem Cycles");
    let fields = [("organization_id", organization.as_str())];
    visitor.submit(step, &fields).await
}

/// A browser in which Twyla has signed in.
async fn signed_in(app: &TestApp) -> Visitor {
    let visitor = app.visitor();
    let step = stopped(&visitor, TWYLA, "/account").await;
    led_to(&choose(app, &visitor, &step).await, "/account");
    visitor
}

async fn log_out_everywhere(visitor: &Visitor) {
    let response = visitor.submit(REVOKE, &[("all", "1")]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_choice_that_was_left_open_ends_with_a_log_out_everywhere() {
    let app = TestApp::start();
    let other = signed_in(&app).await;
    let left_open = app.visitor();
    let step = stopped(&left_open, TWYLA, "/account").await;
    log_out_everywhere(&other).await;
    let response = choose(&app, &left_open, &step).await;
    error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(!left_open.is_signed_in().await);
    // A new sign-in is not concerned.
    app.clock.advance(TimeDelta::seconds(1));
    assert!(signed_in(&app).await.is_signed_in().await);
}

/// The code of a callback is valid for ten minutes, and so is the attempt.
#[tokio::test]
async fn a_code_that_was_held_back_ends_with_a_log_out_everywhere() {
    let app = TestApp::start();
    let other = app.signed_in("ada@example.com").await;
    let held_back = app.visitor();
    let callback = obtain_callback_url(&held_back, "ada@example.com").await;
    app.clock.advance(TimeDelta::seconds(2));
    log_out_everywhere(&other).await;
    let response = held_back.get(callback.as_str()).await;
    error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(!held_back.is_signed_in().await);
    // An attempt that begins at the same moment is not concerned.
    let ada = app.signed_in("ada@example.com").await;
    assert!(ada.is_signed_in().await);
}

/// The sign-in itself ends the sessions of an account whose address it verifies.
#[tokio::test]
async fn a_step_that_verifies_the_address_of_an_account_signs_in() {
    let app = TestApp::start();
    app.add_user(UNA, false);
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    app.clock.advance(TimeDelta::seconds(2));
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
    assert!(una.is_signed_in().await);
}

#[tokio::test]
async fn a_step_of_the_api_ends_with_a_log_out_everywhere() {
    let app = TestApp::start();
    let other = signed_in(&app).await;
    let code = code_for(&app, TWYLA).await;
    let stop = post(&app, WORKOS, &json!({ "code": code })).await;
    let stop = json_of(stop, StatusCode::FORBIDDEN).await;
    log_out_everywhere(&other).await;
    let answer = json!({
        "pending_authentication_token": stop["pending_authentication_token"],
        "organization_id": app.organization("Tandem Cycles"),
    });
    let answered = post(&app, WORKOS, &answer).await;
    let code = "invalid_pending_authentication_token";
    refused(answered, StatusCode::BAD_REQUEST, code).await;
}

#[tokio::test]
async fn every_log_out_ends_the_steps_of_its_browser() {
    for (path, form) in [
        ("/api/auth/logout", &[][..]),
        (REVOKE, &[("all", "1")][..]),
        ("/auth/logout", &[][..]),
    ] {
        let app = TestApp::start();
        let visitor = signed_in(&app).await;
        for email in [TWYLA, UNA] {
            stopped(&visitor, email, "/").await;
        }
        assert_eq!(app.pending_sign_ins().len(), 2, "{path}");
        let response = match path.starts_with("/api") {
            true => visitor.post_json(path, &json!({})).await.headers,
            false => visitor.submit(path, form).await.headers().clone(),
        };
        let lines = response.get_all("set-cookie").iter();
        let removed = lines.filter(|line| line.as_bytes().starts_with(b"vestibule_step_"));
        assert_eq!(removed.count(), 2, "{path}");
        assert!(app.pending_sign_ins().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn whatever_ends_all_sessions_of_an_account_ends_its_steps() {
    type End = fn(&TestApp, UserId);
    let ends: [(&str, End); 4] = [
        ("a new password", |app, id| {
            app.change(|conn| accounts::set_password(conn, id, "!", app.now(), None));
        }),
        ("a log-out by command", |app, id| {
            app.change(|conn| accounts::revoke_all_sessions(conn, id, app.now()));
        }),
        ("a closed account", |app, id| {
            app.change(|conn| accounts::deactivate(conn, id, app.now()));
            app.change(|conn| accounts::activate(conn, id));
        }),
        ("SQL", |app, _| {
            for active in ["FALSE", "TRUE"] {
                app.run_sql(&format!("UPDATE users SET is_active = {active}"));
            }
        }),
    ];
    for (how, end) in ends {
        let app = TestApp::start();
        signed_in(&app).await;
        let left_open = app.visitor();
        let step = stopped(&left_open, TWYLA, "/account").await;
        end(&app, app.user(TWYLA).id);
        let response = choose(&app, &left_open, &step).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{how}");
        assert!(!left_open.is_signed_in().await, "{how}");
    }
}

/// The next user of a browser must not find the sign-ins that another one left open.
#[tokio::test]
async fn another_sign_in_ends_the_steps_of_its_browser() {
    for how in ["/auth/callback", "/login", "/api/token", WORKOS] {
        let app = TestApp::builder()
            .setting("AUTH_COOKIE_NAME", "tofu-web")
            .start();
        app.add_user_with_password(EMAIL, PASSWORD);
        let visitor = app.visitor();
        let mut steps = Vec::new();
        for email in [TWYLA, UNA] {
            steps.push(stopped(&visitor, email, "/").await);
        }
        let copied = visitor.cookies("/auth/step");
        let password = [("email", EMAIL), ("password", PASSWORD)];
        let request = match how {
            "/auth/callback" => {
                let callback = obtain_callback_url(&visitor, "ada@example.com").await;
                visitor.request(Method::GET, callback.as_str())
            }
            "/login" => visitor.request(Method::POST, how).form(&password),
            "/api/token" => {
                let body = json!({ "email": EMAIL, "password": PASSWORD });
                visitor.request(Method::POST, how).json(&body)
            }
            _ => {
                let code = code_for(&app, "ada@example.com").await;
                let body = json!({ "code": code });
                visitor.request(Method::POST, how).json(&body)
            }
        };
        let response = request.send().await.unwrap();
        assert!(!response.status().is_client_error(), "{how}");
        let lines = set_cookies(&response).into_iter();
        let removed = lines.filter(|line| line.starts_with("vestibule_step_") && is_removal(line));
        assert_eq!(removed.count(), 2, "{how}");
        assert!(app.pending_sign_ins().is_empty(), "{how}");
        for step in &steps {
            let page = app.visitor().get_with_cookies(step, &copied).await;
            assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{how}");
        }
    }
}

/// A choice needs no secret, unlike the code for which another tab waits.
#[tokio::test]
async fn a_completed_step_ends_the_choices_of_its_browser() {
    let app = TestApp::start();
    let visitor = app.visitor();
    stopped(&visitor, TWYLA, "/").await;
    let max = stopped(&visitor, MAX, "/account").await;
    let una = stopped(&visitor, UNA, "/").await;
    let response = visitor.submit(&una, &[("code", CODE)]).await;
    led_to(&response, "/");
    let removed = set_cookies(&response).into_iter();
    let removed = removed.filter(|line| line.starts_with("vestibule_step_") && is_removal(line));
    assert_eq!(removed.count(), 2, "Twyla's and Una's own");
    assert_eq!(app.pending_sign_ins().len(), 1, "Max's");
    led_to(&visitor.submit(&max, &[("code", CODE)]).await, "/account");
}
