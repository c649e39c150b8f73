//! Callbacks at the same moment.

use reqwest::{StatusCode, Url};
use tokio::task::JoinSet;

use crate::support::app::{TestApp, Visitor};
use crate::support::steps::obtain_callback_url;

/// Fewer than the pool has connections, so that all of them can be inside a transaction at once.
const AT_ONCE: usize = 8;

/// Browsers of one new user, each one step before its callback.
async fn before_their_callbacks(app: &TestApp) -> Vec<(Visitor, Url)> {
    let mut ready = Vec::new();
    for _ in 0..AT_ONCE {
        let ada = app.visitor();
        let callback = obtain_callback_url(&ada, "ada@example.com").await;
        ready.push((ada, callback));
    }
    ready
}

fn call_back(ready: Vec<(Visitor, Url)>) -> JoinSet<(Visitor, StatusCode)> {
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
    assert_eq!(sessions.len(), AT_ONCE);
    assert!(sessions.iter().all(|row| row.user_id == users[0].id));
    assert!(sessions.iter().all(|row| row.revoked_at.is_none()));
}

#[tokio::test]
async fn simultaneous_callbacks_of_a_new_user_make_one_account_and_a_session_each() {
    let app = TestApp::start();
    let ready = before_their_callbacks(&app).await;
    assert_one_account_and_a_session_each(&app, call_back(ready)).await;
}

#[cfg(feature = "postgres")]
mod postgres {
    //! On PostgreSQL all of them can be made to look before any of them writes.

    use std::time::Duration;

    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    use diesel::sql_types::BigInt;
    use secrecy::ExposeSecret as _;
    use vestibule::settings::DatabaseUrl;

    use super::*;

    #[derive(QueryableByName)]
    struct Waiting {
        #[diesel(sql_type = BigInt)]
        waiting: i64,
    }

    /// Runs the callbacks up to their first write to `users`, and then lets all of them write.
    async fn all_look_before_any_writes(app: &TestApp) {
        let DatabaseUrl::Postgres(url) = &app.settings.database.url else {
            return;
        };
        let ready = before_their_callbacks(app).await;
        let mut lock = PgConnection::establish(url.expose_secret()).unwrap();
        // It lets everybody read, and nobody write.
        lock.batch_execute("BEGIN; LOCK TABLE users IN SHARE MODE")
            .unwrap();
        let callbacks = call_back(ready);
        let waiting = "SELECT count(*) AS waiting FROM pg_locks \
                       WHERE relation = 'users'::regclass AND NOT granted";
        while diesel::sql_query(waiting)
            .get_result::<Waiting>(&mut lock)
            .unwrap()
            .waiting
            < AT_ONCE as i64
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lock.batch_execute("COMMIT").unwrap();
        assert_one_account_and_a_session_each(app, callbacks).await;
    }

    #[tokio::test]
    async fn callbacks_that_all_saw_nobody_make_one_account() {
        let app = TestApp::start();
        all_look_before_any_writes(&app).await;
    }

    #[tokio::test]
    async fn callbacks_that_all_saw_an_account_without_a_link_link_it() {
        let app = TestApp::start();
        app.add_user("ada@example.com", false);
        all_look_before_any_writes(&app).await;
    }
}

#[tokio::test]
async fn simultaneous_callbacks_of_one_attempt_make_one_session() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let cookies = ada.cookies("/auth/callback");
    let mut callbacks = JoinSet::new();
    let mut ready = Vec::new();
    // A code each, so that WorkOS says yes to all of them: the attempt alone can say no.
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
    let mut wanted = vec![StatusCode::FOUND];
    wanted.resize(6, StatusCode::BAD_REQUEST);
    assert_eq!(statuses, wanted);
    app.only_session();
}
