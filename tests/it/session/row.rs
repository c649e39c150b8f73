//! The session's row.

use std::time::Duration;

use chrono::TimeDelta;
use vestibule::keys::Keys;

use crate::support::app::TestApp;
use crate::support::client::plain_client;
use crate::support::steps::AUTHENTICATE;

#[tokio::test]
async fn the_row_stores_what_the_cookie_does_not() {
    let app = TestApp::start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(120));
    app.signed_in("ada@example.com").await;
    let row = app.only_session();
    let user = app.user("ada@example.com");
    assert_eq!(row.user_id, user.id);
    assert_eq!(user.last_login, Some(app.now()));
    assert!(row.id.len() >= 22, "128 random bits at least: {}", row.id);
    let at_workos = app
        .workos()
        .sessions_of(user.workos_user_id.as_ref().unwrap());
    assert_eq!(
        row.workos_sid.as_deref(),
        at_workos.first().map(String::as_str)
    );
    assert_eq!(row.created_at, app.now());
    assert_eq!(
        row.expires_at,
        app.now().plus(TimeDelta::seconds(1_209_600))
    );
    let confirmed = row.confirmed_until.unwrap().seconds();
    // WorkOS's clock and the app's stand still, at most a second apart.
    let expected = app.now().seconds() + 120;
    assert!((expected - 1..=expected + 1).contains(&confirmed));
    assert_eq!(row.revoked_at, None);
    assert_eq!(row.login_attempt.unwrap().len(), 64, "a SHA-256 in hex");
}

#[tokio::test]
async fn the_refresh_token_is_encrypted_for_its_row() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    app.signed_in("ada@example.com").await;
    let keys = Keys::derive(&app.settings);
    let rows = app.sessions();
    let opened = |id: &str, sealed: &[u8]| keys.open_row(&format!("sessions:{id}"), sealed);
    let sealed = rows[0].workos_refresh_token.as_ref().unwrap();
    let opened_here = opened(&rows[0].id, sealed).unwrap();
    assert!(!opened_here.stale);
    let token = String::from_utf8(opened_here.plain).unwrap();
    let plain_inside = sealed
        .windows(8)
        .any(|window| window == &token.as_bytes()[..8]);
    assert!(!plain_inside);
    assert_eq!(opened(&rows[1].id, sealed), None, "moved to another row");

    let reply: serde_json::Value = plain_client()
        .post(format!("{}{AUTHENTICATE}", app.emulator.base_url()))
        .json(&serde_json::json!({
            "client_id": app.emulator.client_id(),
            "client_secret": app.emulator.api_key(),
            "grant_type": "refresh_token",
            "refresh_token": token,
        }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(reply["user"]["email"], "ada@example.com", "{reply}");
}

#[tokio::test]
async fn a_second_sign_in_replaces_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let first_cookie = ada.cookie("/", "sessionid").unwrap();
    let first = app.only_session();
    app.clock.advance(TimeDelta::seconds(60));
    ada.sign_in("olive@example.com").await;
    assert_ne!(ada.cookie("/", "sessionid").unwrap(), first_cookie);
    assert!(ada.page("/").await.contains("Welcome, olive@example.com!"));

    let rows = app.sessions();
    assert_eq!(rows.len(), 2);
    let (old, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.id == first.id);
    assert_eq!(old[0].revoked_at, Some(app.now()));
    assert_eq!(old[0].workos_refresh_token, None);
    assert_eq!(new[0].revoked_at, None);
    assert_eq!(new[0].user_id, app.user("olive@example.com").id);
}

#[tokio::test]
async fn a_failed_sign_in_does_not_change_the_current_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let olive = app.add_user("olive@example.com", true);
    app.set_active(olive.id, false);
    let response = ada.sign_in("olive@example.com").await;
    assert_eq!(response.status(), reqwest::StatusCode::FORBIDDEN);
    assert!(ada.page("/").await.contains("Welcome, ada@example.com!"));
    let row = app.only_session();
    assert_eq!(row.revoked_at, None);
    assert!(row.workos_refresh_token.is_some());
}

#[tokio::test]
async fn two_browsers_of_one_user_have_two_sessions() {
    let app = TestApp::start();
    let one = app.signed_in("ada@example.com").await;
    let other = app.signed_in("ada@example.com").await;
    one.post("/auth/logout").await;
    assert!(!one.is_signed_in().await);
    assert!(other.is_signed_in().await);
    let rows = app.sessions();
    let alive = rows.iter().filter(|row| row.revoked_at.is_none());
    assert_eq!((rows.len(), alive.count()), (2, 1));
}
