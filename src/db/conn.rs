//! The connection type, which is one of Diesel's two, and how each is opened.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as QueryError;

use super::error::DbError;
use super::schema::space_probe;
use super::session_sql::SessionSql;
use super::transaction_mark::TransactionMark;
use crate::clock::{Clock, Timestamp};
use crate::settings::DatabaseUrl;

pub use multi::Conn;
#[cfg(feature = "postgres")]
pub(super) use postgres::establish as establish_postgres;
pub(super) use sqlite::{OpenMode, connect_with, truncate_wal};

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

/// Opens a first connection, which shows whether the database can be used, and closes it.
pub(super) fn session_sql(url: &DatabaseUrl, mode: OpenMode) -> Result<SessionSql, DbError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::connect(path, mode).map(|_| SessionSql {
            on_connect: String::new(),
            // Otherwise a transaction that reads and then writes fails at once with "database is locked"
            // under contention, whatever the timeout.
            begin: "BEGIN IMMEDIATE".to_owned(),
            begin_with_long_wait: None,
            is_behind_pooler: false,
        }),
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(url) => postgres::session_sql(url),
        #[cfg(not(feature = "postgres"))]
        DatabaseUrl::Postgres(_) => Err(DbError::NoPostgres),
    }
}

/// Opens a connection. Diesel's derived `establish` tries each backend in turn, and would create a SQLite
/// file with the name of a mistyped PostgreSQL address.
#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "for PostgreSQL")
)]
pub(super) fn connect(
    url: &DatabaseUrl,
    mode: OpenMode,
    sql: &SessionSql,
) -> Result<Conn, DbError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::connect(path, mode).map(Conn::Sqlite),
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(url) => postgres::connect(url, sql).map(Conn::Postgres),
        #[cfg(not(feature = "postgres"))]
        DatabaseUrl::Postgres(_) => Err(DbError::NoPostgres),
    }
}

/// Begins a transaction with this statement.
pub(super) fn begin(conn: &mut Conn, statement: &str) -> QueryResult<()> {
    use diesel::connection::AnsiTransactionManager as Transactions;

    match conn {
        Conn::Sqlite(conn) => Transactions::begin_transaction_sql(conn, statement),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => Transactions::begin_transaction_sql(conn, statement),
    }
}

/// Fails if a connection cannot be used any more: the server does not answer, or, where `mode` allows writing,
/// it has become a standby.
pub(super) fn check_usable(conn: &mut Conn, mode: OpenMode) -> QueryResult<()> {
    match conn {
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) if mode != OpenMode::ReadOnly => postgres::check_not_read_only(conn),
        conn => {
            let _ = mode;
            conn.ping()
        }
    }
}

/// Called before a transaction is committed. Writes its [mark](TransactionMark) into the header of SQLite's file, so
/// that every state of the database has its own, which shows whether a `-wal` file belongs to a file. Nothing else may
/// write a new mark: the log of a transaction with two would not be known as that of its file.
/// `changes` is the number of rows that the connection had changed before: a transaction that changes no row
/// does not write.
pub(super) fn before_commit(conn: &mut Conn, changes: &mut i64) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            let now = sqlite::total_changes(conn)?;
            if std::mem::replace(changes, now) != now {
                TransactionMark::write(conn)?;
            }
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => {}
    }
    Ok(())
}

/// Fails if the database cannot be written to. On SQLite the header of the file is written: `BEGIN IMMEDIATE` alone
/// succeeds on a read-only file, and a full disk shows only when a page is committed.
pub(super) fn probe_write(conn: &mut Conn) -> Result<(), DbError> {
    match conn {
        Conn::Sqlite(conn) => Ok(TransactionMark::write_again(conn)?),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => Ok(postgres::probe_write(conn)?),
    }
}

/// As [`probe_write`], and also writes more than a request does, which needs new pages: on a full disk, changes still
/// succeed that fit into what pages and the log have left. It costs more, so it is called after a write has failed.
/// SQLite writes the pages when the transaction is committed; [`clear_space_probe`] follows in another one.
pub(super) fn probe_space(conn: &mut Conn) -> Result<(), DbError> {
    clear_space_probe(conn)?;
    probe_write(conn)?;
    match conn {
        Conn::Sqlite(conn) => Ok(sqlite::fill_space_probe(conn)?),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => Ok(postgres::probe_space(conn)?),
    }
}

/// Removes what [`probe_space`] has left.
pub(super) fn clear_space_probe(conn: &mut Conn) -> Result<(), DbError> {
    diesel::delete(space_probe::table).execute(conn)?;
    Ok(())
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

/// Loads rows of one table that are to be deleted or changed. On PostgreSQL it locks them, and leaves out those that
/// another transaction has locked.
macro_rules! load_unlocked {
    ($conn:expr, $query:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite(conn) => $query.load(conn),
            #[cfg(feature = "postgres")]
            $crate::db::Conn::Postgres(conn) => $query.for_update().skip_locked().load(conn),
        }
    };
}
pub(crate) use load_unlocked;

/// Runs a query and calls `take` with each row, of which one at a time is in memory.
macro_rules! for_each_row {
    ($conn:expr, $query:expr, $take:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite(conn) => {
                let rows = $query.load_iter::<_, diesel::connection::DefaultLoadingMode>(conn)?;
                for row in rows {
                    $take(row?);
                }
            }
            #[cfg(feature = "postgres")]
            $crate::db::Conn::Postgres(conn) => {
                let rows = $query.load_iter::<_, diesel::pg::PgRowByRowLoadingMode>(conn)?;
                for row in rows {
                    $take(row?);
                }
            }
        }
    };
}
pub(crate) use for_each_row;

/// The present time by the database's clock, or by that of a test. What ends a session or a token for good compares
/// with it, and so does what is recorded for such a comparison: a replica's own clock may be wrong.
pub fn database_time(conn: &mut Conn, clock: &Clock) -> QueryResult<Timestamp> {
    match clock.set_in_database() {
        Some(now) => Ok(now),
        None => database_now(conn),
    }
}

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
