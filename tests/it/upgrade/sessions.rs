//! Browser sessions: their cookies, their renewal, their revocation.

use authkit_emulator::Effect;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Upgraded;
use crate::support::client::plain_client;
use crate::support::renewal::GRANT;
use crate::support::steps::{AUTHENTICATE, set_cookie};
use crate::support::tokens::token_claims;
use crate::webhooks::send_event;

#[tokio::test]
async fn open_sessions_are_signed_in_without_a_question_to_workos() {
    let upgraded = Upgraded::start();
    for (browser, email) in [
        ("ada", "ada@example.com"),
        ("dora", "dora@example.com"),
        ("imogen", "imogen@example.com"),
        ("olive_after_the_change", "olive@example.com"),
    ] {
        let response = upgraded.get(browser, "/account").await;
        assert_eq!(response.status(), StatusCode::OK, "{browser}");
        // The cookie now names the database's epoch.
        assert!(set_cookie(&response, "sessionid").is_some(), "{browser}");
        assert!(response.text().await.unwrap().contains(email), "{browser}");
    }
    assert_eq!(upgraded.app.renewals(), 0);
}

#[tokio::test]
async fn ended_sessions_stay_ended() {
    let upgraded = Upgraded::start();
    for browser in ["ada_signed_out", "dora_signed_out", "closed", "deleted"] {
        assert!(!upgraded.is_signed_in(browser).await, "{browser}");
    }
    assert!(upgraded.is_signed_in("ada").await);
}

#[tokio::test]
async fn a_cookie_older_than_a_membership_change_is_renewed() {
    let upgraded = Upgraded::start();
    upgraded.get("olive_before_the_change", "/account").await;
    assert_eq!(upgraded.app.renewals(), 1);
}

#[tokio::test]
async fn a_session_is_renewed_with_its_sealed_refresh_token() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    let answer = sign_in_past_the_app(&upgraded, "ada").await;
    // The emulator does not know the refresh token, so the answer is given to it.
    app.inject_fault(1, Effect::status(200, answer.clone()));
    app.advance(301);
    let response = upgraded.get("ada", "/account").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(set_cookie(&response, "sessionid").is_some());
    let requests = app.workos().requests();
    let renewals: Vec<_> = requests
        .iter()
        .filter(|request| request.grant_type() == Some(GRANT))
        .collect();
    let [renewal] = &renewals[..] else {
        panic!("WorkOS is asked once: {renewals:?}");
    };
    let sent = &renewal.body["refresh_token"];
    assert_eq!(sent, upgraded.issued("/ada_workos_refresh_token"));

    let ada = app.user("ada@example.com").id;
    let sessions = app.sessions();
    let mut stored = sessions
        .iter()
        .filter(|row| row.user_id == ada && row.workos_refresh_token.is_some())
        .map(|row| app.workos_refresh_token(row));
    let next = answer["refresh_token"].as_str().unwrap();
    assert!(stored.any(|token| token == next), "the new one is stored");
}

#[tokio::test]
async fn a_session_that_workos_revokes_ends() {
    let upgraded = Upgraded::start();
    let sid = token_claims(upgraded.access("ada"))["sid"].clone();
    send_event(
        &upgraded.app,
        "event_after_the_upgrade",
        "session.revoked",
        json!({ "id": sid }),
    )
    .await;
    assert!(!upgraded.is_signed_in("ada").await);
    let answer = upgraded.exchange_refresh(upgraded.refresh("ada")).await;
    assert_eq!(answer.json["detail"], "Token is blacklisted");
}

#[tokio::test]
async fn a_deleted_row_ends_its_session_and_its_tokens() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    // The trigger compares the session's end with the database's clock, which no test sets.
    app.run_sql("UPDATE sessions SET expires_at = '2999-01-01 00:00:00'");
    for email in ["ada@example.com", "dora@example.com"] {
        let user = app.user(email).id;
        app.run_sql(&format!("DELETE FROM sessions WHERE user_id = {user}"));
    }
    for holder in ["ada", "dora"] {
        let answer = upgraded.exchange_refresh(upgraded.refresh(holder)).await;
        assert_eq!(answer.json["detail"], "Token is blacklisted", "{holder}");
    }
    let answer = upgraded
        .exchange_refresh(upgraded.refresh("password"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "no session is behind it");
}

#[tokio::test]
async fn a_new_sign_in_finds_the_same_account() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    let before = app.user("ada@example.com");
    let ada = app.signed_in("ada@example.com").await;
    assert!(ada.is_signed_in().await);
    assert_eq!(app.user("ada@example.com").id, before.id);
    let response = app.visitor().sign_in("no.name@example.com").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN, "a closed account");
}

/// What WorkOS answers when this person signs in without the application.
async fn sign_in_past_the_app(upgraded: &Upgraded, name: &str) -> Value {
    let emulator = &upgraded.app.emulator;
    let body = json!({
        "client_id": emulator.client_id(),
        "client_secret": emulator.api_key(),
        "grant_type": "password",
        "email": format!("{name}@example.com"),
        "password": format!("{name}-demo-password"),
    });
    let client = plain_client();
    let url = format!("{}{AUTHENTICATE}", emulator.base_url());
    let response = client.post(url).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}
