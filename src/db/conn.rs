//! The connection type, which is one of Diesel's two, and how each is opened.

mod sqlite;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::result::Error as QueryError;

use super::error::DbError;
use crate::clock::Timestamp;
use crate::settings::DatabaseUrl;

pub use multi::Conn;
pub(super) use sqlite::OpenMode;

/// A module of its own, because the derive adds items beside the enum.
mod multi {
    /// A connection to the configured database.
    #[derive(diesel::MultiConnection)]
    pub enum Conn {
        /// PostgreSQL, through libpq.
        #[cfg(feature = "postgres")]
        Postgres(diesel::PgConnection),
        /// SQLite, bundled.
        Sqlite(diesel::SqliteConnection),
    }
}

/// Opens connections for the pool.
pub(super) struct ConnectionManager {
    url: DatabaseUrl,
    mode: OpenMode,
}

impl ConnectionManager {
    pub(super) fn new(url: DatabaseUrl, mode: OpenMode) -> Self {
        Self { url, mode }
    }
}

impl ManageConnection for ConnectionManager {
    type Connection = Conn;
    type Error = DbError;

    fn connect(&self) -> Result<Conn, DbError> {
        connect(&self.url, self.mode)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), DbError> {
        Ok(conn.ping()?)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

/// Opens a connection. Diesel's derived `establish` tries each backend in turn, and would create a SQLite
/// file with the name of a mistyped PostgreSQL address.
pub(super) fn connect(url: &DatabaseUrl, mode: OpenMode) -> Result<Conn, DbError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::connect(path, mode).map(Conn::Sqlite),
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(url) => connect_postgres(url).map(Conn::Postgres),
        #[cfg(not(feature = "postgres"))]
        DatabaseUrl::Postgres(_) => Err(DbError::NoPostgres),
    }
}

#[cfg(feature = "postgres")]
fn connect_postgres(url: &secrecy::SecretString) -> Result<PgConnection, DbError> {
    let mut conn = establish_postgres(url, "DATABASE_URL")?;
    // A statement that hangs must not keep its connection for ever. Times are in UTC.
    conn.batch_execute(
        "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; SET TIME ZONE 'UTC'",
    )?;
    Ok(conn)
}

/// Connects without settings of the session. `name` is the setting or option that gave the address.
#[cfg(feature = "postgres")]
pub(super) fn establish_postgres(
    url: &secrecy::SecretString,
    name: &str,
) -> Result<PgConnection, DbError> {
    use secrecy::ExposeSecret;

    PgConnection::establish(&with_timeouts(url.expose_secret()))
        .map_err(|error| DbError::Unavailable(format!("PostgreSQL: {}", one_line(&error, name))))
}

/// libpq's message on one line, without a URL.
#[cfg(feature = "postgres")]
fn one_line(error: &ConnectionError, name: &str) -> String {
    let text = error.to_string();
    let about_the_url = ["://", " URI", "percent-encoded"]
        .iter()
        .any(|sign| text.contains(sign));
    if about_the_url {
        // The message repeats the part of the URL that is wrong, which may be the password.
        return format!("libpq cannot read {name}");
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = text.lines().map(words).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(". ")
}

/// The URL with timeouts where it has none. Without them, libpq waits for ever for a host that does not
/// answer.
#[cfg(feature = "postgres")]
fn with_timeouts(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "5"),
        ("tcp_user_timeout", "10000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
    ] {
        if !url.contains(name) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={value}"));
        }
    }
    url
}

/// Runs `queries` in one transaction. SQLite's transaction begins IMMEDIATE: otherwise one that reads and
/// then writes fails at once with "database is locked" under contention, whatever the timeout.
pub(super) fn transaction<T, E: From<DbError>>(
    conn: &mut Conn,
    queries: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    type Transactions = <Conn as Connection>::TransactionManager;
    match conn {
        Conn::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => Transactions::begin_transaction(conn),
    }
    .map_err(DbError::from)?;
    match queries(conn) {
        Ok(value) => {
            Transactions::commit_transaction(conn).map_err(DbError::from)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(rollback) = Transactions::rollback_transaction(conn) {
                log::warn!("failed to roll back a transaction: {rollback}");
            }
            Err(error)
        }
    }
}

/// Writes an unchanged value to SQLite's file, to test that it can be written to. `BEGIN IMMEDIATE` alone
/// succeeds on a read-only file, and a full disk shows only when a page is committed.
pub(super) fn probe_write(conn: &mut Conn) -> Result<(), DbError> {
    match conn {
        Conn::Sqlite(conn) => {
            let UserVersion { user_version } =
                diesel::sql_query("PRAGMA user_version").get_result(conn)?;
            Ok(conn.batch_execute(&format!("PRAGMA user_version = {user_version}"))?)
        }
        // PostgreSQL reports at each statement that it cannot write.
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => Ok(()),
    }
}

/// Inserts many rows with one statement, which the derived enum does not support. Each column of each row
/// is a parameter: PostgreSQL allows 65,535 of them, SQLite 32,766.
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite(conn) => {
                diesel::insert_into($table).values($rows).execute(conn)
            }
            #[cfg(feature = "postgres")]
            $crate::db::Conn::Postgres(conn) => {
                diesel::insert_into($table).values($rows).execute(conn)
            }
        }
    };
}
pub(crate) use insert_all;

/// The present time by the database's clock.
pub fn database_now(conn: &mut Conn) -> QueryResult<Timestamp> {
    let statement = match conn {
        Conn::Sqlite(_) => "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS now",
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => "SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now",
    };
    let Now { now } = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(statement).get_result(conn)?,
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => diesel::sql_query(statement).get_result(conn)?,
    };
    Ok(now)
}

#[derive(diesel::QueryableByName)]
struct Now {
    #[diesel(sql_type = diesel::sql_types::Timestamp)]
    now: Timestamp,
}

#[derive(diesel::QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    user_version: i32,
}

/// Runs a statement and returns `None` if it violates a unique constraint. The statement runs in a nested
/// transaction, because a failed statement aborts PostgreSQL's whole transaction.
pub fn on_unique_violation<T>(
    conn: &mut Conn,
    statement: impl FnOnce(&mut Conn) -> QueryResult<T>,
) -> QueryResult<Option<T>> {
    use diesel::result::DatabaseErrorKind::UniqueViolation;

    match conn.transaction(statement) {
        Ok(value) => Ok(Some(value)),
        Err(QueryError::DatabaseError(UniqueViolation, _)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::with_timeouts;

    #[test]
    fn a_postgres_url_gets_the_timeouts_that_it_lacks() {
        assert_eq!(
            with_timeouts("postgres://h/d"),
            "postgres://h/d?connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
        assert_eq!(
            with_timeouts("postgres://h/d?sslmode=require&connect_timeout=1"),
            "postgres://h/d?sslmode=require&connect_timeout=1&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
    }
}
