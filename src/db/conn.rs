//! One connection type over Diesel's two, and how each is opened.

mod sqlite;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::result::Error as QueryError;

use super::DbError;
use crate::clock::Timestamp;
use crate::settings::DatabaseUrl;

pub use multi::Conn;

/// Apart, since the derive writes items of its own beside the enum.
mod multi {
    /// A connection to whichever database is set up.
    #[derive(diesel::MultiConnection)]
    pub enum Conn {
        /// PostgreSQL, through libpq.
        #[cfg(feature = "postgres")]
        Postgres(diesel::PgConnection),
        /// SQLite, bundled.
        Sqlite(diesel::SqliteConnection),
    }
}

/// What opening may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Make a SQLite file where there is none.
    Create,
    /// Open what is there.
    Existing,
    /// Open what is there, and refuse to write (SQLite's readers).
    ReadOnly,
}

/// Opens connections for the pool.
pub(super) struct Manager {
    url: DatabaseUrl,
    mode: Mode,
}

impl Manager {
    pub(super) fn new(url: DatabaseUrl, mode: Mode) -> Self {
        Self { url, mode }
    }
}

impl ManageConnection for Manager {
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

/// Opens one connection. Diesel's derived `establish` would try each backend in turn, so that a
/// mistyped PostgreSQL address became a SQLite file of that name.
pub(super) fn connect(url: &DatabaseUrl, mode: Mode) -> Result<Conn, DbError> {
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
    // A statement that hangs must not hold its connection for ever; times are kept in UTC.
    conn.batch_execute(
        "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; SET TIME ZONE 'UTC'",
    )?;
    Ok(conn)
}

/// A bare connection to the address that `name` gave.
#[cfg(feature = "postgres")]
pub(super) fn establish_postgres(
    url: &secrecy::SecretString,
    name: &str,
) -> Result<PgConnection, DbError> {
    use secrecy::ExposeSecret;

    PgConnection::establish(&bounded(url.expose_secret()))
        .map_err(|error| DbError::Unavailable(format!("PostgreSQL: {}", one_line(&error, name))))
}

/// libpq's messages have several lines and tabs.
#[cfg(feature = "postgres")]
fn one_line(error: &ConnectionError, name: &str) -> String {
    let text = error.to_string();
    let about_the_url = ["://", " URI", "percent-encoded"]
        .iter()
        .any(|sign| text.contains(sign));
    if about_the_url {
        // Such a message repeats what it could not read, which may be the password.
        return format!("libpq cannot read {name}");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// libpq waits without end for a host that does not answer, unless it is told otherwise.
#[cfg(feature = "postgres")]
fn bounded(url: &str) -> String {
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

/// Runs `queries` in one transaction. SQLite's begins IMMEDIATE: one that reads and then writes
/// would otherwise fail at once with "database is locked" under contention, whatever the timeout.
pub(super) fn transaction<T, E: From<DbError>>(
    conn: &mut Conn,
    queries: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    type Manager = <Conn as Connection>::TransactionManager;
    match conn {
        Conn::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => Manager::begin_transaction(conn),
    }
    .map_err(DbError::from)?;
    match queries(conn) {
        Ok(value) => {
            Manager::commit_transaction(conn).map_err(DbError::from)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(rollback) = Manager::rollback_transaction(conn) {
                log::warn!("rolling back failed: {rollback}");
            }
            Err(error)
        }
    }
}

/// Writes to SQLite's file what stands there already. Less would not tell: on a read-only file
/// `BEGIN IMMEDIATE` succeeds, and a full disk is met only when a page is committed.
pub(super) fn write_nothing_new(conn: &mut Conn) -> Result<(), DbError> {
    match conn {
        Conn::Sqlite(conn) => {
            let UserVersion { user_version } =
                diesel::sql_query("PRAGMA user_version").get_result(conn)?;
            Ok(conn.batch_execute(&format!("PRAGMA user_version = {user_version}"))?)
        }
        // A server that cannot write says so at its next statement, and is restarted, not probed.
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => Ok(()),
    }
}

/// Inserts many rows with one statement, which the derived enum cannot. Each row takes a parameter
/// for each column: PostgreSQL has 65,535 of them, SQLite 32,766.
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

/// Makes the table's ids go on above `floor` at least; never moves them back. On PostgreSQL this
/// outlives a transaction that is rolled back.
pub fn raise_ids(conn: &mut Conn, table: &str, floor: i64) -> QueryResult<()> {
    use diesel::sql_types::{BigInt, Text};

    match conn {
        Conn::Sqlite(conn) => {
            let raised =
                diesel::sql_query("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = ?2")
                    .bind::<BigInt, _>(floor)
                    .bind::<Text, _>(table)
                    .execute(conn)?;
            if raised == 0 {
                diesel::sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)")
                    .bind::<Text, _>(table)
                    .bind::<BigInt, _>(floor)
                    .execute(conn)?;
            }
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            diesel::sql_query(
                "SELECT setval(pg_get_serial_sequence($1, 'id'), $2) \
                 WHERE nextval(pg_get_serial_sequence($1, 'id')) <= $2",
            )
            .bind::<Text, _>(table)
            .bind::<BigInt, _>(floor)
            .execute(conn)?;
        }
    }
    Ok(())
}

/// The present moment by the database's own clock.
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

/// Runs a statement that may meet a unique constraint: `None` when it did. In a nested
/// transaction, since a failed statement would end PostgreSQL's whole transaction.
pub fn unless_taken<T>(
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
    use super::bounded;

    #[test]
    fn postgres_is_never_waited_for_without_end() {
        assert_eq!(
            bounded("postgres://h/d"),
            "postgres://h/d?connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
        assert_eq!(
            bounded("postgres://h/d?sslmode=require&connect_timeout=1"),
            "postgres://h/d?sslmode=require&connect_timeout=1&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
    }
}
