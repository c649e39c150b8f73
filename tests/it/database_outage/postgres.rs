//! A PostgreSQL server that stops and starts again. These tests check something only if
//! `TEST_DATABASE_URL` names a PostgreSQL database.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::app::{TestApp, location};
use crate::support::database::TestDatabase;
use crate::support::forwarder::Forwarder;
use crate::support::readings::becomes_true;
use crate::support::steps::{
    assert_signs_in, error_page, login_with_next, obtain_callback_url, retry_after, set_cookie,
};

fn app_that_can_lose_its_database() -> Option<(Forwarder, TestApp)> {
    let database = TestDatabase::new();
    let (forwarder, url) = database.behind_forwarder()?;
    let app = TestApp::builder()
        .database(database)
        .setting("DATABASE_URL", &url)
        .start();
    Some((forwarder, app))
}

#[tokio::test]
async fn pages_without_a_database_query_work_during_its_outage() {
    let Some((forwarder, app)) = app_that_can_lose_its_database() else {
        return;
    };
    let ada = app.signed_in("ada@example.com").await;
    forwarder.cut();
    assert!(ada.page("/").await.contains("Welcome, ada@example.com!"));
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    assert_eq!(ada.get("/healthz").await.status(), StatusCode::OK);
    let stranger = app.visitor();
    assert!(stranger.page("/").await.contains("Log in to continue"));
    let to_workos = stranger.get("/auth/login").await;
    assert_eq!(to_workos.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_sign_in_during_a_database_outage_is_a_503_and_works_afterwards() {
    let Some((forwarder, app)) = app_that_can_lose_its_database() else {
        return;
    };
    assert_eq!(app.visitor().get("/readyz").await.status(), StatusCode::OK);
    let ada = app.visitor();
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    forwarder.cut();
    let response = ada.get(callback.as_str()).await;
    assert_eq!(set_cookie(&response, "sessionid"), None);
    assert_eq!(retry_after(response.headers()), Some(5));
    let page = error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains("The database is not responding"), "{page}");
    assert!(
        page.contains(r#"href="/auth/login?next=%2Faccount""#),
        "{page}"
    );
    assert!(!ada.is_signed_in().await);
    let response = ada.get("/readyz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let told = response.text().await.unwrap();
    assert!(told.contains("the database does not respond"), "{told}");

    forwarder.restore();
    assert_signs_in(&ada, "ada@example.com").await;
    assert_eq!(ada.get("/readyz").await.status(), StatusCode::OK);
    assert_eq!((app.users().len(), app.sessions().len()), (1, 1));
}

#[tokio::test]
async fn a_connection_that_broke_between_two_sign_ins_is_replaced() {
    let Some((forwarder, app)) = app_that_can_lose_its_database() else {
        return;
    };
    app.signed_in("ada@example.com").await;
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    forwarder.cut();
    forwarder.restore();
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_log_out_during_a_database_outage_is_a_503_and_ends_no_session() {
    let Some((forwarder, app)) = app_that_can_lose_its_database() else {
        return;
    };
    let ada = app.signed_in("ada@example.com").await;
    forwarder.cut();
    for response in [
        ada.post("/auth/logout").await,
        ada.post("/auth/logout").await,
    ] {
        assert_eq!(set_cookie(&response, "sessionid"), None);
        assert_eq!(retry_after(response.headers()), Some(5));
        error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    assert!(ada.is_signed_in().await);
    forwarder.restore();
    let response = ada.post("/auth/logout").await;
    assert!(location(&response).starts_with(&app.emulator.base_url()));
    assert!(!ada.is_signed_in().await);
}

/// A failed reading takes three seconds, the time-out of the pool.
#[tokio::test]
async fn a_proxy_is_answered_as_a_page_is_during_a_database_outage() {
    let Some((forwarder, app)) = app_that_can_lose_its_database() else {
        return;
    };
    let ada = app.signed_in("ada@example.com").await;
    assert_eq!(ada.get("/auth/verify").await.status(), StatusCode::OK);
    app.advance(250);
    // Renews the session.
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    let olive = app.signed_in("olive@example.com").await;
    app.advance(55);
    let unread = olive.cookies("/");
    forwarder.cut();
    let began = Instant::now();
    let answers = (0..8).map(async |_| {
        let visitor = app.visitor();
        let answer = visitor.get_with_cookies("/auth/verify", &unread).await;
        answer.status()
    });
    let (page, verified, unread) = tokio::join!(
        ada.get("/account"),
        ada.get("/auth/verify"),
        join_all(answers)
    );
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(verified.status(), StatusCode::OK);
    assert_eq!(unread, [StatusCode::SERVICE_UNAVAILABLE; 8]);
    let elapsed = began.elapsed();
    assert!(elapsed < Duration::from_secs(9), "{elapsed:?}");

    let is_answered_at_once = async || {
        let began = Instant::now();
        assert_eq!(ada.get("/auth/verify").await.status(), StatusCode::OK);
        began.elapsed() < Duration::from_secs(1)
    };
    assert!(becomes_true(is_answered_at_once).await);

    forwarder.restore();
    assert_eq!(olive.get("/auth/verify").await.status(), StatusCode::OK);
    assert_eq!(ada.get("/auth/verify").await.status(), StatusCode::OK);
}
