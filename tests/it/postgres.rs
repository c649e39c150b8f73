//! What PostgreSQL, its settings and the programs in front of it can do to the application. These tests check
//! something only if `TEST_DATABASE_URL` names a PostgreSQL database.

mod connections;
mod frozen;
mod locks;
mod pooler;
mod queues;
mod read_only;
mod restored;
mod schemas;
mod settings;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use crate::support::database::TestDatabase;

/// A migrated database on PostgreSQL; `None` in a run on SQLite.
fn migrated() -> Option<TestDatabase> {
    TestDatabase::is_postgres_run().then(TestDatabase::migrated)
}

/// A connection of somebody else to this database.
fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap()
}

/// The database's name, at the end of its URL.
fn name(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or(url);
    path.rsplit('/').next().unwrap()
}

/// Runs statements in the administrator's database, with `{}` for the test's database.
pub(crate) fn administer(url: &str, statements: &str) {
    let admin = std::env::var("TEST_DATABASE_URL").unwrap();
    for statement in statements.split(';') {
        connect(&admin)
            .batch_execute(&statement.replace("{}", name(url)))
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Ends all connections to the test's database.
const DISCONNECT: &str =
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'";
