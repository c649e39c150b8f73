//! `email_verification_required` and `mfa_challenge`: the user enters a code.

use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;

use super::{CODE, MAX, UNA, form_again, grants, led_to, stopped};
use crate::support::app::TestApp;
use crate::support::steps::{AUTHENTICATE, assert_nobody_signed_in, error_page};

const AFRESH: &str = r#"href="/auth/login?next=%2Faccount""#;
const WRONG: &str = "This code is not right.";

#[tokio::test]
async fn a_code_by_e_mail_verifies_the_address_and_signs_in() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let page = una.page(&step).await;
    for part in [
        "<strong>una@example.com</strong>",
        r#"<label for="code">"#,
        r#"inputmode="numeric""#,
        r#"autocomplete="one-time-code""#,
        r#"aria-describedby="code-hint""#,
        AFRESH,
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = form_again(una.submit(&step, &[("code", "000000")]).await, WRONG).await;
    assert!(
        page.contains(r#"aria-describedby="code-error code-hint""#),
        "{page}"
    );
    assert!(!page.contains("000000"), "a code is typed anew: {page}");
    led_to(
        &una.submit(&step, &[("code", " 123 456 ")]).await,
        "/account",
    );
    assert!(una.is_signed_in().await);
    assert!(app.user(UNA).email_verified);
    assert_eq!(
        grants(&app, "email-verification:code")[1].body["code"],
        CODE
    );
}

#[tokio::test]
async fn an_invalid_code_is_an_error_on_the_form_without_a_request_to_workos() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/").await;
    let long = "1".repeat(33);
    for (typed, says) in [
        ("", "This field is required."),
        (" ", "This field is required."),
        ("---", "Enter the code exactly as you received it."),
        ("<b>123456", "Enter the code exactly as you received it."),
        (long.as_str(), "Enter the code exactly as you received it."),
        ("1\0", "Null characters are not allowed."),
    ] {
        form_again(una.submit(&step, &[("code", typed)]).await, says).await;
    }
    form_again(una.submit(&step, &[]).await, "This field is required.").await;
    assert_eq!(grants(&app, "code").len(), 1, "only the callback's");
}

#[tokio::test]
async fn too_many_wrong_codes_offer_a_new_sign_in_with_the_return_path() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    for _ in 0..5 {
        form_again(una.submit(&step, &[("code", "000000")]).await, WRONG).await;
    }
    let response = una.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("Too many wrong codes"), "{page}");
    assert!(page.contains(AFRESH), "{page}");
    assert_nobody_signed_in(&app, &una).await;
    assert!(app.pending_sign_ins().is_empty());
    let step = stopped(&una, UNA, "/account").await;
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
}

#[tokio::test]
async fn an_expired_code_offers_a_new_sign_in_with_the_return_path() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    app.workos().advance(Duration::from_secs(601));
    let response = una.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("The code has expired"), "{page}");
    assert!(page.contains(AFRESH), "{page}");

    // After WorkOS's own time limit for the whole sign-in.
    let step = stopped(&una, UNA, "/account").await;
    app.workos().advance(Duration::from_secs(3_600));
    let response = una.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("It took too long"), "{page}");
    assert!(page.contains(AFRESH), "{page}");
    assert_nobody_signed_in(&app, &una).await;
}

#[tokio::test]
async fn a_form_expires_after_ten_minutes_and_keeps_the_return_path() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    app.clock.advance(TimeDelta::seconds(599));
    assert_eq!(una.get(&step).await.status(), StatusCode::OK);
    app.clock.advance(TimeDelta::seconds(1));
    for response in [
        una.get(&step).await,
        una.submit(&step, &[("code", CODE)]).await,
    ] {
        let page = error_page(response, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(AFRESH), "{page}");
    }
    assert_eq!(grants(&app, "email-verification:code").len(), 0);
}

#[tokio::test]
async fn an_authenticator_code_signs_in() {
    let app = TestApp::start();
    let max = app.visitor();
    let step = stopped(&max, MAX, "/account").await;
    let page = max.page(&step).await;
    assert!(page.contains("<h1>Enter your code</h1>"), "{page}");
    form_again(max.submit(&step, &[("code", "000000")]).await, WRONG).await;
    for (code, says) in [
        (
            "one_time_code_previously_used",
            "This code has already been used.",
        ),
        (
            "one_time_code_expired",
            "This code has expired. Enter the current one.",
        ),
    ] {
        let body = json!({ "code": code, "message": "for developers" });
        app.workos()
            .inject(Fault::once(AUTHENTICATE, Effect::status(400, body)));
        form_again(max.submit(&step, &[("code", CODE)]).await, says).await;
    }
    led_to(&max.submit(&step, &[("code", CODE)]).await, "/account");
    assert!(max.is_signed_in().await);
    let sent = grants(&app, "mfa-totp");
    let challenges: std::collections::HashSet<_> = sent
        .iter()
        .map(|one| {
            one.body["authentication_challenge_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        challenges.len(),
        4,
        "each answer has a challenge of its own"
    );
}

#[tokio::test]
async fn a_step_can_be_followed_by_another() {
    let app = TestApp::start();
    let quinn = app.visitor();
    let step = stopped(&quinn, "quinn@example.com", "/account").await;
    let attempts = quinn.cookies("/auth/callback");
    assert!(
        !attempts.contains("vestibule_login_"),
        "the attempt is spent"
    );
    assert!(quinn.page(&step).await.contains("Check your email"));
    led_to(&quinn.submit(&step, &[("code", CODE)]).await, &step);
    assert!(quinn.page(&step).await.contains("Enter your code"));
    led_to(&quinn.submit(&step, &[("code", CODE)]).await, &step);
    let page = quinn.page(&step).await;
    assert!(page.contains("Choose an organisation"), "{page}");
    let id = page
        .split(r#"value="org_"#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let chosen = format!("org_{id}");
    let response = quinn.submit(&step, &[("organization_id", &chosen)]).await;
    led_to(&response, "/account");
    assert!(quinn.page("/account").await.contains(&chosen));
    assert_eq!(app.sessions().len(), 1);
}
