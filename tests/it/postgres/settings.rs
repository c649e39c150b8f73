//! Settings of the server, the database and the role, which the application does not trust.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use vestibule::db::{Conn, Database, DbError};
use vestibule::settings::{DatabaseSettings, Source};

use super::{administer, migrated};
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The settings that queries run with.
fn in_effect(conn: &mut Conn) -> Result<String, DbError> {
    let query = "SELECT concat_ws(' ', current_setting('transaction_isolation'), \
                 current_setting('statement_timeout'), current_setting('lock_timeout'), \
                 current_setting('idle_in_transaction_session_timeout'), current_setting('TimeZone')) AS value";
    let row: Value = diesel::sql_query(query).get_result(conn)?;
    Ok(row.value)
}

pub(super) async fn settings_in_effect(database: &Database) -> [String; 2] {
    [
        database.read(in_effect).await.unwrap(),
        database.write(in_effect).await.unwrap(),
    ]
}

pub(super) fn open(url: &str) -> Result<Database, DbError> {
    let source = Source::from_pairs([("DATABASE_URL", url)]);
    Database::open(&DatabaseSettings::from_source(&source).unwrap())
}

#[tokio::test]
async fn queries_have_an_isolation_level_and_time_limits() {
    let Some(database) = migrated() else { return };
    let expected = "read committed 10s 200ms 30s UTC";
    let opened = open(database.url()).unwrap();
    assert_eq!(settings_in_effect(&opened).await, [expected; 2]);

    administer(
        database.url(),
        "ALTER DATABASE {} SET default_transaction_isolation = 'serializable';\
         ALTER DATABASE {} SET statement_timeout = '700ms';\
         ALTER DATABASE {} SET lock_timeout = '1h';\
         ALTER DATABASE {} SET TimeZone = 'Asia/Tokyo'",
    );
    let expected = "read committed 700ms 200ms 30s UTC";
    let opened = open(database.url()).unwrap();
    assert_eq!(settings_in_effect(&opened).await, [expected; 2]);
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    let Some(database) = migrated() else { return };
    let url = format!("{}_ascii", database.url());
    administer(
        &url,
        "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    let refused = open(&url).err();
    administer(&url, "DROP DATABASE {} WITH (FORCE)");
    let told = refused.expect("an error").to_string();
    assert!(
        told.contains("SQL_ASCII") && told.contains("UTF8"),
        "{told}"
    );
}

/// The server of script/test speaks German in the locale C.UTF-8, if its messages are installed.
#[tokio::test]
async fn transactions_run_again_after_a_deadlock_in_every_language() {
    for messages in ["C", "C.UTF-8"] {
        assert_deadlock_is_repeated(messages).await;
    }
}

/// Two transactions change two accounts in opposite order, once both have changed their first one.
async fn assert_deadlock_is_repeated(messages: &str) {
    let Some(database) = migrated() else { return };
    administer(
        database.url(),
        "ALTER DATABASE {} SET deadlock_timeout = '20ms'",
    );
    let language = format!("ALTER DATABASE {{}} SET lc_messages = '{messages}'");
    administer(database.url(), &language);
    let app = TestApp::builder().database(database).start();
    let (ada, bob) = (
        app.add_user("ada@example.com", true).id,
        app.add_user("bob@example.com", true).id,
    );
    let versions = || -> Vec<i64> {
        let users = app.users();
        users.iter().map(|user| user.token_version).collect()
    };
    let expected: Vec<i64> = versions().iter().map(|version| version + 2).collect();
    let (meeting, attempts) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let change = |first, second| {
        let (meeting, attempts) = (Arc::clone(&meeting), Arc::clone(&attempts));
        app.database.write(move |conn| {
            let count = |conn: &mut Conn, id| {
                let statement =
                    format!("UPDATE users SET token_version = token_version + 1 WHERE id = {id}");
                diesel::sql_query(statement).execute(conn)
            };
            count(conn, first)?;
            if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                meeting.wait();
            }
            count(conn, second)?;
            Ok::<_, DbError>(())
        })
    };
    let (one, other) = tokio::join!(change(ada, bob), change(bob, ada));
    one.unwrap();
    other.unwrap();
    // PostgreSQL may end both.
    assert!(attempts.load(Ordering::SeqCst) >= 3);
    assert_eq!(versions(), expected);
}

#[tokio::test]
async fn a_transaction_runs_again_after_a_serialization_failure_and_not_after_other_errors() {
    let Some(database) = migrated() else { return };
    let app = TestApp::builder().database(database).start();
    for (condition, expected) in [("serialization_failure", 2), ("division_by_zero", 1)] {
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&attempts);
        let queries = move |conn: &mut Conn| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                conn.batch_execute(&format!("DO $$ BEGIN RAISE {condition}; END $$"))?;
            }
            Ok::<_, DbError>(())
        };
        for of_command in [false, true] {
            attempts.store(0, Ordering::SeqCst);
            let outcome = match of_command {
                false => app.database.write(queries.clone()).await,
                true => app.database.write_blocking(queries.clone()),
            };
            assert_eq!(outcome.is_ok(), expected == 2, "{outcome:?}");
            assert_eq!(attempts.load(Ordering::SeqCst), expected);
        }
    }
}
