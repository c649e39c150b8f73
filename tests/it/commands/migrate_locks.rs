//! `vestibule migrate` on PostgreSQL while a transaction has one of its tables open: other queries go on. It waits for a
//! second, and then for as long again before it tries again.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::postgres::administer;
use crate::support::database::TestDatabase;
use crate::support::django::execute;
use crate::support::program::Program;

/// A migration that changes the table `users`.
const MIGRATION: &str = "2026-11-29-000028_add_sessions_ended_at_to_users";
/// A query may wait while a migration waits a second for its lock. Others use the processor too.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

#[test]
fn a_migration_that_waits_for_a_reader_stops_no_other_query() {
    assert_migration_waits("C");
}

/// The server of script/test speaks German in the locale C.UTF-8, if its messages are installed.
#[test]
fn a_migration_waits_for_a_reader_whatever_the_language_of_the_server() {
    assert_migration_waits("C.UTF-8");
}

fn assert_migration_waits(messages: &str) {
    if !TestDatabase::is_postgres_run() {
        return;
    }
    let database = TestDatabase::migrated();
    let language = format!("ALTER DATABASE {{}} SET lc_messages = '{messages}'");
    administer(database.url(), &language);
    execute(
        database.url(),
        "ALTER TABLE users DROP COLUMN sessions_ended_at; \
         DELETE FROM __diesel_schema_migrations WHERE version = '20261129000028'",
    );
    let mut reader = PgConnection::establish(database.url()).unwrap();
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM users")
        .unwrap();
    let migrate = Program::new(&["migrate"]).env("DATABASE_URL", database.url());
    let migrate = migrate.start();

    let mut other = PgConnection::establish(database.url()).unwrap();
    let limit = format!("SET statement_timeout = {}", LONGEST_WAIT.as_millis());
    other.batch_execute(&limit).unwrap();
    let began = Instant::now();
    let mut told = String::new();
    while !told.contains("Waiting: ") {
        let query = other.batch_execute("SELECT count(*) FROM users");
        query.unwrap_or_else(|error| panic!("{error} while a migration waits: {told}"));
        told = migrate.printed();
        assert!(began.elapsed() < Duration::from_secs(50), "{told}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(told.contains(MIGRATION), "{told}");
    assert!(told.contains("has had a transaction open for"), "{told}");
    reader.batch_execute("COMMIT").unwrap();
    let output = migrate.wait().exits_with(0);
    let applied = format!("  Applying {MIGRATION}... OK");
    assert!(output.stdout.ends_with(&applied), "{output:#?}");
    Program::new(&["migrate", "--check"])
        .env("DATABASE_URL", database.url())
        .run()
        .exits_with(0);
}
