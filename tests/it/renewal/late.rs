//! Late responses and writes. They neither replace a newer session nor lose the current one.

use authkit_emulator::Gate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use vestibule::db::schema::sessions;
use vestibule::db::{Conn, Database, DbError};
use vestibule::sessions::SessionRow;

use crate::support::app::{TestApp, Visitor};
use crate::support::readings::becomes_true;
use crate::support::renewal::{assert_all_ok, at_once, eventually};
use crate::support::steps::AUTHENTICATE;

/// The path of the membership list that `/account` requests from WorkOS.
const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// Requests `/account` in another tab.
fn request_account_page(visitor: &Visitor) -> tokio::task::JoinHandle<reqwest::Response> {
    let tab = visitor.clone();
    tokio::spawn(async move { tab.get("/account").await })
}

/// Signs in again, and asserts that the late response to `tab` does not affect the new session.
async fn assert_survives_late_response(
    app: &TestApp,
    ada: &Visitor,
    tab: tokio::task::JoinHandle<reqwest::Response>,
    gate: &Gate,
) {
    crate::support::steps::assert_signs_in(ada, "ada@example.com").await;
    let fresh = ada.cookie("/", "sessionid");
    assert!(!tab.is_finished(), "the other tab still waits");
    gate.open();
    tab.await.unwrap();
    assert_eq!(ada.cookie("/", "sessionid"), fresh);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.sessions().len(), 2);
}

#[tokio::test]
async fn a_late_renewal_does_not_replace_the_next_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let tab = request_account_page(&ada);
    gate.reached().await.unwrap();
    assert_eq!(app.renewals(), 1);
    assert_survives_late_response(&app, &ada, tab, &gate).await;
}

#[tokio::test]
async fn a_late_response_does_not_restore_the_old_cookie() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let gate = app.workos().inject_gate(MEMBERSHIPS);
    let tab = request_account_page(&ada);
    gate.reached().await.unwrap();
    assert_eq!(app.renewals(), 1);
    assert_survives_late_response(&app, &ada, tab, &gate).await;
}

#[tokio::test]
async fn a_request_with_the_old_cookie_does_not_affect_the_next_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let before = ada.cookies("/");
    crate::support::steps::assert_signs_in(&ada, "ada@example.com").await;
    for path in ["/api/users/me", "/account", "/"] {
        let response = ada.get_with_cookies(path, &before).await;
        assert!(
            crate::support::app::set_cookies(&response).is_empty(),
            "{path}"
        );
    }
    assert!(ada.is_signed_in().await);
}

/// Makes every write of a confirmed renewal fail.
pub(crate) fn refuse_confirmations(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute(
            "CREATE TRIGGER no_confirmations BEFORE UPDATE OF confirmed_until ON sessions
             BEGIN SELECT RAISE(ABORT, 'not now'); END",
        ),
        Conn::Postgres(conn) => conn.batch_execute(
            "CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION ''not now''; END';
             CREATE TRIGGER no_confirmations BEFORE UPDATE OF confirmed_until ON sessions
                 FOR EACH ROW EXECUTE FUNCTION not_now()",
        ),
    }
}

/// Allows these writes again.
pub(crate) fn allow_confirmations(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => conn.batch_execute("DROP TRIGGER no_confirmations"),
        Conn::Postgres(conn) => conn.batch_execute("DROP TRIGGER no_confirmations ON sessions"),
    }
}

#[tokio::test]
async fn a_renewal_survives_a_database_that_cannot_store_it() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let used_up = app.workos_refresh_token(&app.only_session());
    let before = ada.cookies("/");
    app.change(refuse_confirmations);
    app.expire_workos_tokens();
    assert!(ada.is_signed_in().await, "WorkOS has confirmed it");
    assert_eq!(app.workos_refresh_token(&app.only_session()), used_up);
    // After the half minute in which WorkOS repeats the response.
    app.advance(45);
    assert_all_ok(&at_once(&[&app], "/account", &before, 5).await);
    assert_eq!(
        app.renewals(),
        1,
        "the old refresh token is not sent to WorkOS again"
    );
    app.change(allow_confirmations);
    eventually(|| app.workos_refresh_token(&app.only_session()) != used_up).await;
    app.expire_workos_tokens();
    // The row has the renewal an instant before the server forgets its own copy, which has expired now.
    // Until then the response is a 503.
    assert!(becomes_true(|| ada.is_signed_in()).await);
    assert_eq!(app.renewals(), 2);
    assert_eq!(app.only_session().revoked_at, None);
}

#[tokio::test]
async fn a_stopping_server_stores_the_renewals_that_it_keeps_in_memory() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let used_up = app.only_session().workos_refresh_token;
    app.change(refuse_confirmations);
    app.expire_workos_tokens();
    assert!(ada.is_signed_in().await, "WorkOS has confirmed it");
    let database = Database::open(&app.settings.database).unwrap();
    let visitor = app.visitor();
    let stopping = tokio::task::spawn_blocking(move || app.stop());
    // It serves requests as before while it waits for the renewal.
    let stops = becomes_true(async || visitor.get("/readyz").await.status() == 503);
    assert!(stops.await);
    let allow = |conn: &mut Conn| Ok::<_, DbError>(allow_confirmations(conn)?);
    database.write_blocking(allow).unwrap();
    let _database = stopping.await.unwrap();
    let rows: Vec<SessionRow> = database
        .read_blocking(|conn| {
            let all = sessions::table.select(SessionRow::as_select());
            all.load(conn).map_err(DbError::from)
        })
        .unwrap();
    assert!(rows[0].workos_refresh_token != used_up);
}
