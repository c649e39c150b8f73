//! Concurrent callbacks.

use reqwest::{StatusCode, Url};
use tokio::task::JoinSet;

use crate::support::app::{TestApp, Visitor};
use crate::support::steps::obtain_callback_url;

/// The number of concurrent callbacks: fewer than the pool has connections, so that all can be in a
/// transaction at the same time.
const CALLBACKS: usize = 8;

/// Browsers of one new user, each with the URL of its callback.
async fn prepare_callbacks(app: &TestApp) -> Vec<(Visitor, Url)> {
    let mut ready = Vec::new();
    for _ in 0..CALLBACKS {
        let ada = app.visitor();
        let callback = obtain_callback_url(&ada, "ada@example.com").await;
        ready.push((ada, callback));
    }
    ready
}

fn send_callbacks(ready: Vec<(Visitor, Url)>) -> JoinSet<(Visitor, StatusCode)> {
    let mut callbacks = JoinSet::new();
    for (ada, callback) in ready {
        callbacks.spawn(async move {
            let response = ada.get(callback.as_str()).await;
            (ada, response.status())
        });
    }
    callbacks
}

async fn assert_one_account_and_a_session_each(
    app: &TestApp,
    mut callbacks: JoinSet<(Visitor, StatusCode)>,
) {
    while let Some(finished) = callbacks.join_next().await {
        let (ada, status) = finished.unwrap();
        assert_eq!(status, StatusCode::FOUND);
        assert!(ada.is_signed_in().await);
    }
    let users = app.users();
    assert_eq!(users.len(), 1);
    let sessions = app.sessions();
    assert_eq!(sessions.len(), CALLBACKS);
    assert!(sessions.iter().all(|row| row.user_id == users[0].id));
    assert!(sessions.iter().all(|row| row.revoked_at.is_none()));
}

#[tokio::test]
async fn concurrent_callbacks_of_a_new_user_create_one_account_and_a_session_each() {
    let app = TestApp::start();
    let ready = prepare_callbacks(&app).await;
    assert_one_account_and_a_session_each(&app, send_callbacks(ready)).await;
}

mod postgres {
    //! On PostgreSQL a lock lets callbacks read before any of them writes.

    use std::time::Duration;

    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    use diesel::sql_types::BigInt;
    use secrecy::ExposeSecret as _;
    use vestibule::settings::DatabaseUrl;

    use super::*;

    /// How many transactions of one user run at a time in a process; the others wait until they are over.
    const AT_A_TIME: i64 = 2;

    #[derive(QueryableByName)]
    struct WaitingLocks {
        #[diesel(sql_type = BigInt)]
        waiting: i64,
    }

    /// Blocks the first two callbacks at their first write to `users`, then lets all of them write.
    async fn run_with_all_reads_before_writes(app: &TestApp) {
        let DatabaseUrl::Postgres(url) = &app.settings.database.url else {
            return;
        };
        let ready = prepare_callbacks(app).await;
        let mut lock = PgConnection::establish(url.expose_secret()).unwrap();
        // The lock allows reads and blocks writes.
        lock.batch_execute("BEGIN; LOCK TABLE users IN SHARE MODE")
            .unwrap();
        let callbacks = send_callbacks(ready);
        let waiting = "SELECT count(*) AS waiting FROM pg_locks \
                       WHERE relation = 'users'::regclass AND NOT granted";
        while diesel::sql_query(waiting)
            .get_result::<WaitingLocks>(&mut lock)
            .unwrap()
            .waiting
            < AT_A_TIME
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lock.batch_execute("COMMIT").unwrap();
        assert_one_account_and_a_session_each(app, callbacks).await;
    }

    #[tokio::test]
    async fn callbacks_that_all_read_no_account_create_one() {
        let app = TestApp::start();
        run_with_all_reads_before_writes(&app).await;
    }

    #[tokio::test]
    async fn callbacks_that_all_read_an_unlinked_account_link_it_once() {
        let app = TestApp::start();
        app.add_user("ada@example.com", false);
        run_with_all_reads_before_writes(&app).await;
    }
}

#[tokio::test]
async fn concurrent_callbacks_of_one_attempt_create_one_session() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let cookies = ada.cookies("/auth/callback");
    let mut callbacks = JoinSet::new();
    let mut ready = Vec::new();
    // Each has its own code, so that WorkOS accepts all of them and only the attempt can refuse
    // one.
    for _ in 0..6 {
        ready.push(ada.authorize(&authorize, "ada@example.com").await);
    }
    for callback in ready {
        let (ada, cookies) = (ada.clone(), cookies.clone());
        callbacks.spawn(async move {
            let response = ada.get_with_cookies(callback.as_str(), &cookies).await;
            response.status()
        });
    }
    let mut statuses = callbacks.join_all().await;
    statuses.sort();
    let mut expected = vec![StatusCode::FOUND];
    expected.resize(6, StatusCode::BAD_REQUEST);
    assert_eq!(statuses, expected);
    app.only_session();
}
