//! The user's own sessions on `/account`: the list, "Log out there", "Log out everywhere".

mod everywhere;
mod impersonated;
mod list;
mod others;
mod outbox;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use reqwest::header::USER_AGENT;
use reqwest::{Method, Response, StatusCode};
use vestibule::db::schema::sessions;
use vestibule::ids::UserId;
use vestibule::sessions::{NewSession, SessionRow};

use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::obtain_callback_url;

pub(crate) const REVOKE: &str = "/account/sessions/revoke";
/// WorkOS's address for the same.
pub(crate) const REVOKE_AT_WORKOS: &str = "/user_management/sessions/revoke";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const SIGNED_OUT: &str = "/account?notice=session-signed-out";
pub(crate) const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
pub(crate) const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";

/// A browser with this user agent in which this user has signed in, one second after the previous event.
pub(crate) async fn signed_in_with(app: &TestApp, user_agent: &str, email: &str) -> Visitor {
    app.advance(1);
    let visitor = app.visitor();
    let callback = obtain_callback_url(&visitor, email).await;
    let request = visitor.request(Method::GET, callback.as_str());
    let answer = request.header(USER_AGENT, user_agent).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    visitor
}

/// The row of the newest session.
pub(crate) fn newest(app: &TestApp) -> SessionRow {
    app.rows(|conn| {
        sessions::table
            .order(sessions::created_at.desc())
            .select(SessionRow::as_select())
            .first(conn)
    })
}

pub(crate) async fn sign_out_there(visitor: &Visitor, id: &str) -> Response {
    visitor.submit(REVOKE, &[("session_id", id)]).await
}

pub(crate) async fn sign_out_everywhere(visitor: &Visitor) -> Response {
    visitor.submit(REVOKE, &[("all", "1")]).await
}

#[track_caller]
pub(crate) fn is_done(response: &Response) {
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(response), SIGNED_OUT);
}

/// Inserts a session of this user that a password sign-in created.
pub(crate) fn add_session(app: &TestApp, user_id: UserId, id: &str) {
    let new = password_session(app, user_id, id);
    assert!(app.change(|conn| new.insert(conn)));
}

/// A new session of this user, as a password sign-in creates it.
pub(crate) fn password_session(app: &TestApp, user_id: UserId, id: &str) -> NewSession {
    NewSession {
        id: id.into(),
        user_id,
        login_attempt: None,
        callback_proof: None,
        workos_sid: None,
        workos_refresh_token: None,
        confirmed_until: None,
        created_at: app.now(),
        auth_time: None,
        expires_at: app.now().plus(chrono::TimeDelta::days(1)),
        organization_id: None,
        workos_facts: None,
        role: None,
        ip_address: None,
        user_agent: None,
        impersonator: None,
    }
}

pub(crate) fn is_open(app: &TestApp, id: &str) -> bool {
    let row = app.sessions().into_iter().find(|row| *row.id == *id);
    row.expect("the row").revoked_at.is_none()
}

/// Waits until WorkOS has this number of sessions of this user. The application calls WorkOS after its
/// response.
pub(crate) async fn workos_has(app: &TestApp, email: &str, sessions: usize) {
    let id = app.workos().user(email).unwrap().id;
    eventually(async || app.workos().sessions_of(&id).len() == sessions).await;
}

/// Waits until the condition is true, far longer than it should take.
pub(crate) async fn eventually(happened: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !happened().await {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the condition did not become true in time"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
