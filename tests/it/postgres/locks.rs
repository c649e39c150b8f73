//! Rows and tables that somebody locks: other people's requests are answered.

use std::sync::{Arc, mpsc};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use parking_lot::Mutex;
use reqwest::StatusCode;
use vestibule::accounts::User;
use vestibule::db::DbError;
use vestibule::sessions::RevocationCache;
use vestibule::tokens::{TokenGrant, TokenPair};

use super::{connect, migrated};
use crate::support::api::PASSWORD;
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use crate::support::readings::becomes_true;

/// An application with four connections, which replaces refresh tokens, and the URL of its database.
fn with_four_connections(database: TestDatabase) -> (TestApp, String) {
    let url = database.url().to_owned();
    let app = TestApp::builder()
        .database(database)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .setting("DATABASE_POOL_SIZE", "4")
        .start();
    (app, url)
}

/// Pairs of tokens of these accounts, in turn.
fn pairs(app: &TestApp, users: &[User], count: usize) -> Vec<TokenPair> {
    let users = users.iter().cycle().take(count);
    users
        .map(|user| app.issue_tokens(user, TokenGrant::default()))
        .collect()
}

fn users(app: &TestApp, count: usize) -> Vec<User> {
    (0..count)
        .map(|number| app.add_user(&format!("{number}@example.com"), true))
        .collect()
}

/// Sends a refresh for each pair at once, and returns when the responses arrive.
async fn refresh_all(app: &TestApp, pairs: &[TokenPair]) -> Vec<StatusCode> {
    let visitor = app.visitor();
    let requests = pairs.iter().map(|pair| {
        let refresh = visitor.post_refresh_token("/api/token/refresh", &pair.refresh);
        async { refresh.await.status }
    });
    futures_util::future::join_all(requests).await
}

/// A number of connections.
#[derive(QueryableByName)]
pub(super) struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub(super) count: i64,
}

/// Waits until this many connections of the database wait for a lock.
pub(super) async fn wait_for_locks(url: &str, at_least: i64) {
    let mut conn = connect(url);
    let waiting = becomes_true(|| {
        let query = "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting: Waiting = diesel::sql_query(query).get_result(&mut conn).unwrap();
        async move { waiting.count >= at_least }
    });
    assert!(waiting.await);
}

async fn assert_ready(app: &TestApp) {
    assert_eq!(app.visitor().get("/readyz").await.status(), StatusCode::OK);
}

/// With four connections and twelve requests that wait for one account's row.
#[tokio::test]
async fn a_locked_account_does_not_stop_others() {
    let Some(database) = migrated() else { return };
    let (app, url) = with_four_connections(database);
    let ada = app.add_user_with_password("ada@example.com", PASSWORD);
    let olive = app.add_user_with_password("olive@example.com", PASSWORD);
    let (of_ada, of_olive) = (pairs(&app, &[ada], 12), pairs(&app, &[olive], 12));
    let mut other = connect(&url);
    let locked = "BEGIN; SELECT FROM users WHERE email = 'ada@example.com' FOR UPDATE; \
                  SELECT FROM refresh_tokens JOIN users ON users.id = user_id \
                  WHERE email = 'ada@example.com' FOR UPDATE";
    other.batch_execute(locked).unwrap();
    let hammering = refresh_all(&app, &of_ada);
    let others = async {
        wait_for_locks(&url, 2).await;
        for _ in 0..2 {
            assert_ready(&app).await;
            let visitor = app.visitor();
            let answer = visitor.log_in("olive@example.com", PASSWORD).await;
            assert_eq!(answer.status(), StatusCode::FOUND);
        }
        let refreshed = refresh_all(&app, &of_olive).await;
        assert_eq!(refreshed, [StatusCode::OK; 12]);
        other.batch_execute("ROLLBACK").unwrap();
    };
    let (answers, ()) = tokio::join!(hammering, others);
    let expected = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    assert!(
        answers.iter().all(|status| expected.contains(status)),
        "{answers:?}"
    );
    // Nothing was lost: the tokens that were not replaced still are.
    assert_eq!(refresh_all(&app, &of_ada).await, [StatusCode::OK; 12]);
}

/// With four connections and sixteen requests of different accounts that wait for one table.
#[tokio::test]
async fn a_locked_table_does_not_stop_what_does_not_need_it() {
    let Some(database) = migrated() else { return };
    let (app, url) = with_four_connections(database);
    let olive = app.signed_in("olive@example.com").await;
    let pairs = pairs(&app, &users(&app, 16), 16);
    let mut other = connect(&url);
    let locked = "BEGIN; LOCK TABLE refresh_tokens";
    other.batch_execute(locked).unwrap();
    let hammering = refresh_all(&app, &pairs);
    let others = async {
        wait_for_locks(&url, 2).await;
        for _ in 0..5 {
            assert_ready(&app).await;
            let page = olive.get("/account").await;
            assert_eq!(page.status(), StatusCode::OK);
        }
        other.batch_execute("ROLLBACK").unwrap();
    };
    let (answers, ()) = tokio::join!(hammering, others);
    assert!(
        answers.contains(&StatusCode::SERVICE_UNAVAILABLE),
        "{answers:?}"
    );
    assert_eq!(refresh_all(&app, &pairs).await, [StatusCode::OK; 16]);
}

/// A write that failed because of the lock makes the readiness probe look for space too.
#[tokio::test]
async fn a_locked_table_does_not_make_the_server_unready() {
    let Some(database) = migrated() else { return };
    let (app, url) = with_four_connections(database);
    for table in ["audit_events", "sessions"] {
        let mut other = connect(&url);
        other
            .batch_execute(&format!("BEGIN; LOCK TABLE {table}"))
            .unwrap();
        let refused = app.visitor().sign_in("ada@example.com").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_ready(&app).await;
        other.batch_execute("ROLLBACK").unwrap();
    }
}

/// Three of four connections are used by transactions that take long and wait for nobody.
#[tokio::test]
async fn a_busy_server_waits_for_a_lock_as_long_as_an_idle_one() {
    let Some(database) = migrated() else { return };
    let url = database.url().to_owned();
    let app = TestApp::builder()
        .database(database)
        .setting("DATABASE_POOL_SIZE", "4")
        .start();
    let olive = app.add_user("olive@example.com", true).id;
    let run = |statement: String| {
        app.database.write(move |conn| {
            let done = diesel::sql_query(statement).execute(conn);
            done.map_err(DbError::from)
        })
    };
    let busy = (0..3).map(|_| run("SELECT pg_sleep(1.2)".to_owned()));
    let busy = futures_util::future::try_join_all(busy);
    let waiting = async {
        let mut other = connect(&url);
        let all_run = becomes_true(|| {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                         AND query LIKE 'SELECT pg_sleep%' AND state = 'active'";
            let running: Waiting = diesel::sql_query(query).get_result(&mut other).unwrap();
            async move { running.count == 3 }
        });
        assert!(all_run.await);
        let lock = format!("BEGIN; SELECT FROM users WHERE id = {olive} FOR UPDATE");
        other.batch_execute(&lock).unwrap();
        let holding = tokio::task::spawn_blocking(move || {
            // Longer than a transaction waits at first.
            let hold = "SELECT pg_sleep(0.5); ROLLBACK";
            other.batch_execute(hold).unwrap();
        });
        let update = format!("UPDATE users SET first_name = 'Olive' WHERE id = {olive}");
        run(update).await.unwrap();
        holding.await.unwrap();
    };
    let (busy, ()) = tokio::join!(busy, waiting);
    busy.unwrap();
}

/// Every connection for requests is in use.
#[tokio::test]
async fn revocations_are_read_and_the_server_is_ready_while_every_connection_is_in_use() {
    let Some(database) = migrated() else { return };
    let (app, _url) = with_four_connections(database);
    // Its start uses these connections too.
    assert_ready(&app).await;
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let holding = (0..4).map(|_| {
        let (begun, released) = (begun.clone(), Arc::clone(&released));
        app.database.read(move |_| {
            begun.send(()).unwrap();
            // It fails when the other end is dropped.
            let _released = released.lock().recv();
            Ok::<_, DbError>(())
        })
    });
    let holding = futures_util::future::try_join_all(holding);
    let meanwhile = async {
        for _ in 0..4 {
            has_begun.recv().await.unwrap();
        }
        let cache = RevocationCache::default();
        cache.refresh(&app.database, app.now()).await.unwrap();
        assert_ready(&app).await;
        drop(release);
    };
    tokio::join!(holding, meanwhile).0.unwrap();
}
