//! A revoked session is refused, also with a copy of its cookie.

use reqwest::StatusCode;
use vestibule::db::DbError;
use vestibule::sessions::SessionRow;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::readings::happens_soon;
use crate::support::steps::set_cookie;

async fn is_accepted(app: &TestApp, cookies: &str) -> bool {
    let response = Visitor::new(&app.url)
        .get_with_cookies("/account", cookies)
        .await;
    match response.status() {
        StatusCode::OK => true,
        StatusCode::FOUND => {
            assert_eq!(location(&response), "/auth/login?next=%2Faccount");
            let line = set_cookie(&response, "sessionid");
            assert_eq!(line, None, "a late response must not remove a newer cookie");
            false
        }
        other => panic!("{other}"),
    }
}

async fn becomes_refused(app: &TestApp, cookies: &str) -> bool {
    happens_soon(app, async || !is_accepted(app, cookies).await).await
}

#[tokio::test]
async fn a_cookie_copied_before_the_log_out_is_refused_after_it() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let copy = ada.cookies("/");
    assert!(is_accepted(&app, &copy).await);
    ada.post("/auth/logout").await;
    assert!(!is_accepted(&app, &copy).await);
}

#[tokio::test]
async fn another_replica_refuses_it_too() {
    let app = TestApp::start();
    let other = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    let copy = ada.cookies("/");
    assert!(is_accepted(&other, &copy).await);
    ada.post("/auth/logout").await;
    assert!(becomes_refused(&other, &copy).await);
}

#[tokio::test]
async fn other_sessions_of_the_same_user_continue() {
    let app = TestApp::start();
    let laptop = app.signed_in("ada@example.com").await;
    let phone = app.signed_in("ada@example.com").await;
    laptop.post("/auth/logout").await;
    assert!(is_accepted(&app, &phone.cookies("/")).await);
}

#[tokio::test]
async fn a_session_that_a_new_sign_in_replaces_is_refused() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let before = ada.cookies("/");
    ada.sign_in("ada@example.com").await;
    assert!(!is_accepted(&app, &before).await);
    assert!(is_accepted(&app, &ada.cookies("/")).await);
}

#[tokio::test]
async fn a_session_that_a_command_or_an_operator_ends_is_refused() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let (id, now) = (app.only_session().id, app.now());
    app.database
        .write_blocking(|conn| Ok::<_, DbError>(SessionRow::revoke(conn, &id, now)?))
        .unwrap();
    assert!(becomes_refused(&app, &ada.cookies("/")).await);
}

#[tokio::test]
async fn a_revoked_session_stays_refused_after_a_restart() {
    let before = TestApp::start();
    let laptop = before.signed_in("ada@example.com").await;
    let phone = before.signed_in("ada@example.com").await;
    let (copy, other) = (laptop.cookies("/"), phone.cookies("/"));
    laptop.post("/auth/logout").await;
    let clock = before.clock.clone();
    let after = TestApp::builder()
        .database(before.stop())
        .clock(clock)
        .start();
    assert!(!is_accepted(&after, &copy).await);
    assert!(is_accepted(&after, &other).await);
}
