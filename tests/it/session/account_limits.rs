//! How many sessions an account can have open, and how often it can sign in.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::db::schema::audit_events;
use vestibule::sessions::NewSession;

use crate::account_sessions::workos_has;
use crate::audit::{detail, events};
use crate::support::api::ApiResponse;
use crate::support::app::TestApp;
use crate::support::exchange::{code_for, post};
use crate::support::log;
use crate::support::steps::{error_page, obtain_callback_url, retry_after};

const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";

/// Inserts open sessions of this user, each a second older than the one before.
fn insert_sessions(app: &TestApp, user: &User, number: i64) {
    app.change(|conn| {
        for age in 1..=number {
            let session = NewSession {
                id: format!("made-up-session-{age:03}").into(),
                user_id: user.id,
                login_attempt: None,
                callback_proof: None,
                workos_sid: None,
                workos_refresh_token: None,
                confirmed_until: None,
                created_at: app.now().plus(TimeDelta::seconds(-age)),
                auth_time: None,
                expires_at: app.now().plus(TimeDelta::days(1)),
                organization_id: None,
                workos_facts: None,
                role: None,
                ip_address: None,
                user_agent: None,
                impersonator: None,
            };
            session.insert(conn)?;
        }
        Ok(())
    });
}

/// Inserts events of sign-ins of this user, all at the same time.
fn insert_sign_ins(app: &TestApp, user: &User, number: usize) {
    let at = app.now();
    app.change(|conn| {
        for _ in 0..number {
            diesel::insert_into(audit_events::table)
                .values((
                    audit_events::at.eq(at),
                    audit_events::event.eq("signed_in"),
                    audit_events::user_id.eq(user.id),
                    audit_events::detail.eq("{}"),
                ))
                .execute(conn)?;
        }
        Ok(())
    });
}

async fn obtain(app: &TestApp, body: &Value) -> ApiResponse {
    app.visitor().post_json("/api/token", body).await
}

fn open_sessions(app: &TestApp) -> Vec<String> {
    let open = app.sessions().into_iter();
    let open = open.filter(|row| row.revoked_at.is_none());
    open.map(|row| row.id.to_string()).collect()
}

#[tokio::test]
async fn the_oldest_of_more_than_a_hundred_sessions_ends() {
    let app = TestApp::start();
    let grace = app.add_user_with_password(GRACE, PASSWORD);
    insert_sessions(&app, &grace, 99);
    let visitor = app.visitor();
    visitor.log_in(GRACE, PASSWORD).await;
    assert_eq!(open_sessions(&app).len(), 100, "the limit is not exceeded");
    app.advance(1);
    app.visitor().log_in(GRACE, PASSWORD).await;
    let open = open_sessions(&app);
    assert_eq!(open.len(), 100);
    assert!(!open.contains(&"made-up-session-099".to_owned()));
    assert!(open.contains(&"made-up-session-098".to_owned()));
    assert!(visitor.is_signed_in().await);
    let mut revoked = events(&app);
    revoked.retain(|row| row.event == "session_revoked");
    assert_eq!(revoked.len(), 1);
    assert_eq!(
        detail(&revoked[0]),
        json!({ "reason": "too_many_sessions" })
    );
}

#[tokio::test]
async fn the_oldest_session_ends_at_workos_too() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    app.advance(1_000);
    insert_sessions(&app, &app.user(ADA), 99);
    workos_has(&app, ADA, 1).await;
    app.signed_in(ADA).await;
    assert_eq!(open_sessions(&app).len(), 100);
    workos_has(&app, ADA, 1).await;
    let newest = app
        .sessions()
        .into_iter()
        .filter(|row| row.revoked_at.is_none());
    let sids: Vec<_> = newest.filter_map(|row| row.workos_sid).collect();
    let user = app.workos().user(ADA).expect("Ada").id;
    assert_eq!(app.workos().sessions_of(&user), [sids[0].to_string()]);
}

#[tokio::test]
async fn so_it_is_with_a_sign_in_through_workos_and_a_code_exchange() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    insert_sessions(&app, &app.user(ADA), 100);
    app.signed_in(ADA).await;
    assert_eq!(open_sessions(&app).len(), 100);
    let code = code_for(&app, ADA).await;
    let exchanged = post(&app, "/api/auth/workos/callback", &json!({ "code": code })).await;
    assert_eq!(exchanged.status(), StatusCode::OK);
    assert_eq!(open_sessions(&app).len(), 100);
}

/// Somebody who does not know the password cannot end a session.
#[tokio::test]
async fn refused_sign_ins_end_no_session() {
    let app = TestApp::start();
    let grace = app.add_user_with_password(GRACE, PASSWORD);
    insert_sessions(&app, &grace, 100);
    let refused = app.visitor().log_in(GRACE, "wrong").await;
    assert_eq!(refused.status(), StatusCode::OK);
    assert_eq!(open_sessions(&app).len(), 100);
}

#[tokio::test]
async fn an_account_signs_in_three_hundred_times_an_hour() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "10/min")
        .start();
    let grace = app.add_user_with_password(GRACE, PASSWORD);
    app.add_user_with_password("other@example.com", PASSWORD);
    insert_sign_ins(&app, &grace, 299);
    let body = json!({ "email": GRACE, "password": PASSWORD });
    assert_eq!(obtain(&app, &body).await.status, 200);
    app.advance(60);
    let refused = obtain(&app, &body).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("3540"));
    let form = app.visitor().log_in(GRACE, PASSWORD).await;
    assert_eq!(form.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.sessions().len(), 0);
    assert_eq!(app.refresh_token_rows().len(), 1);
    let other = json!({ "email": "other@example.com", "password": PASSWORD });
    assert_eq!(obtain(&app, &other).await.status, 200);
    app.advance(3_540);
    assert_eq!(obtain(&app, &body).await.status, 200);
}

#[tokio::test]
async fn so_it_does_through_workos() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "10/min")
        .start();
    app.signed_in(ADA).await;
    insert_sign_ins(&app, &app.user(ADA), 300);
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, ADA).await;
    let response = visitor.get(callback.as_str()).await;
    assert_eq!(retry_after(response.headers()), Some(3_600));
    let page = error_page(response, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(page.contains("Start again"), "{page}");
    let code = code_for(&app, ADA).await;
    let exchanged = post(&app, "/api/auth/workos/callback", &json!({ "code": code })).await;
    assert_eq!(exchanged.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.sessions().len(), 1);
}

/// What is rolled back with the sign-in has no line in the log.
#[tokio::test]
async fn a_sign_in_over_the_limit_leaves_no_audit_line() {
    log::capture();
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "10/min")
        .start();
    let ada = app.signed_in(ADA).await;
    let session = app.only_session().id;
    let says_ended = || log::has_line_with("session_revoked", &session);
    insert_sign_ins(&app, &app.user(ADA), 300);
    let again = async || {
        let callback = obtain_callback_url(&ada, ADA).await;
        ada.get(callback.as_str()).await.status()
    };
    assert_eq!(again().await, StatusCode::TOO_MANY_REQUESTS);
    assert!(ada.is_signed_in().await);
    assert!(!says_ended());
    app.advance(3_600);
    assert_eq!(again().await, StatusCode::FOUND);
    assert!(says_ended());
}

#[tokio::test]
async fn without_rate_limits_there_is_none() {
    let app = TestApp::builder().setting("THROTTLE_LOGIN", "off").start();
    let grace = app.add_user_with_password(GRACE, PASSWORD);
    insert_sign_ins(&app, &grace, 300);
    let body = json!({ "email": GRACE, "password": PASSWORD });
    assert_eq!(obtain(&app, &body).await.status, 200);
}
