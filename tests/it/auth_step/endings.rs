//! Reloads, outages, other replicas and time limits between a form and the end of the sign-in.

use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::purge::purge_expired_at;

use super::{CODE, MAX, UNA, grants, led_to, stopped};
use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::log;
use crate::support::steps::{AUTHENTICATE, assert_nobody_signed_in, error_page, retry_after};

const GRANT: &str = "email-verification:code";

#[tokio::test]
async fn resubmitting_a_form_keeps_the_session_and_sends_workos_nothing() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let cookies = una.cookies("/auth/step");
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
    let response = una.submit(&step, &[("code", CODE)]).await;
    error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(una.is_signed_in().await);
    let replayed = una.get_with_cookies(&step, &cookies).await;
    error_page(replayed, StatusCode::BAD_REQUEST).await;
    assert_eq!(grants(&app, GRANT).len(), 1);
    app.only_session();
}

#[tokio::test]
async fn two_simultaneous_answers_create_one_session() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let fields = [("code", CODE)];
    let (one, other) = tokio::join!(una.submit(&step, &fields), una.submit(&step, &fields));
    led_to(&one, "/account");
    led_to(&other, "/account");
    assert_eq!(grants(&app, GRANT).len(), 1);
    app.only_session();
}

#[tokio::test]
async fn the_form_stays_valid_during_an_outage_of_workos() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let busy = Effect::Status {
        status: 503,
        body: serde_json::Value::Null,
        retry_after: Some("7".to_owned()),
    };
    app.workos().inject(Fault::once(AUTHENTICATE, busy));
    let response = una.submit(&step, &[("code", CODE)]).await;
    assert_eq!(retry_after(response.headers()), Some(7));
    let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains(&format!(r#"href="{step}""#)), "{page}");
    assert_eq!(grants(&app, GRANT).len(), 1, "it is not sent again");
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
}

#[tokio::test]
async fn the_form_stays_valid_while_workos_refuses_the_api_key() {
    log::capture();
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let body = json!({ "error": "invalid_client", "error_description": "of the step's own key" });
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(401, body)));
    let response = una.submit(&step, &[("code", CODE)]).await;
    assert_eq!(retry_after(response.headers()), Some(5));
    let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(
        page.contains(&format!(r#"href="{step}">Go back</a>"#)),
        "{page}"
    );
    assert!(
        page.contains("Only the operator of this site can fix that."),
        "{page}"
    );
    assert!(!page.to_lowercase().contains("try again"), "{page}");
    assert!(log::has_line_with(
        "of the step's own key; run `vestibule check --online`",
        "ERROR"
    ));
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
}

#[tokio::test]
async fn an_answer_whose_response_is_lost_is_not_sent_again() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::DropReply));
    let response = una.submit(&step, &[("code", CODE)]).await;
    error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(grants(&app, GRANT).len(), 1);
    // WorkOS has consumed the code, so a new sign-in is offered, with the return path.
    let response = una.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("completed in another window"), "{page}");
    assert!(page.contains("next=%2Faccount"), "{page}");
    assert_nobody_signed_in(&app, &una).await;
    led_to(&una.sign_in(UNA).await, "/");
}

#[tokio::test]
async fn a_step_does_not_open_a_closed_account() {
    let app = TestApp::start();
    let max = app.visitor();
    let step = stopped(&max, MAX, "/account").await;
    let row = app.add_user(MAX, true);
    app.set_active(row.id, false);
    let response = max.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::FORBIDDEN).await;
    assert!(page.contains("This account is closed"), "{page}");
    assert_nobody_signed_in(&app, &max).await;
    assert!(app.pending_sign_ins().is_empty());
}

#[tokio::test]
async fn another_replica_with_a_new_key_accepts_the_answer() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let cookies = una.cookies("/auth/step");
    let replica = app
        .replica()
        .setting(
            "SECRET_KEY",
            "the-next-made-up-key-of-the-tests-of-more-than-fifty-characters",
        )
        .setting("SECRET_KEY_FALLBACKS", SECRET_KEY)
        .start();
    let there = replica.visitor();
    let request = there.request(reqwest::Method::POST, &step);
    let request = request.header("Cookie", cookies).form(&[("code", CODE)]);
    led_to(&request.send().await.unwrap(), "/account");
    assert!(app.pending_sign_ins().is_empty());
}

#[tokio::test]
async fn a_pending_sign_in_is_deleted_after_an_hour() {
    let app = TestApp::start();
    stopped(&app.visitor(), UNA, "/").await;
    app.clock.advance(TimeDelta::minutes(59));
    let gone = purge_expired_at(&app.database, &app.settings.retention, app.now())
        .await
        .unwrap();
    assert_eq!(
        (gone.pending_sign_ins, app.pending_sign_ins().len()),
        (0, 1)
    );
    app.clock.advance(TimeDelta::minutes(1));
    // The app's own purge may have run first.
    purge_expired_at(&app.database, &app.settings.retention, app.now())
        .await
        .unwrap();
    assert!(app.pending_sign_ins().is_empty());
}

/// Otherwise one person could keep a whole office from completing its sign-ins.
#[tokio::test]
async fn the_failures_of_others_at_the_same_address_do_not_count_for_a_step() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "3/min")
        .start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/").await;
    let wrong = json!({ "email": "nobody@example.com", "password": "wrong" });
    for status in [401, 401, 401, 429] {
        let answer = app.visitor().post_json("/api/token", &wrong).await;
        assert_eq!(answer.status, status);
    }
    // An answer without a code is none.
    for _ in 0..4 {
        let response = una.submit(&step, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/");
}

#[tokio::test]
async fn answers_have_the_rate_limit_of_sign_ins() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "3/min")
        .start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/").await;
    for _ in 0..3 {
        let response = una.submit(&step, &[("code", "000000")]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    let response = una.submit(&step, &[("code", CODE)]).await;
    let page = error_page(response, StatusCode::TOO_MANY_REQUESTS).await;
    let form = format!(r#"href="{step}">Try again</a>"#);
    assert!(page.contains(&form), "{page}");
    app.clock.advance(TimeDelta::seconds(60));
    app.workos().advance(Duration::from_secs(60));
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/");
}
