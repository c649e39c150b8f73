//! The database: SQLite or PostgreSQL. No other module knows which.
//!
//! A query is a plain function `fn name(conn: &mut Conn, …) -> QueryResult<…>`. [`Database::read`] and
//! [`Database::write`] run such functions; those of one call to `write` share a transaction.

mod conn;
mod error;
mod migrations;
pub mod schema;
mod sequence;
pub mod source;
mod timestamp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::r2d2::{Pool, PooledConnection};

pub(crate) use conn::insert_all;
pub use conn::{Conn, database_now, on_unique_violation};
pub use error::DbError;
pub use migrations::Migrations;
pub use sequence::{bump_sequence, take_ids};

use crate::settings::{DatabaseSettings, DatabaseUrl};
use conn::{ConnectionManager, OpenMode};

/// How long a request waits for a connection before it fails.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request waits for its queries. It is longer than the wait for a connection and the timeout
/// of a statement together.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// SQLite reads in parallel in WAL mode. More readers would only wait for the CPU.
const SQLITE_READERS: u32 = 8;

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    /// SQLite allows one writer at a time. The pool serves waiting writers in order; SQLite's lock does not.
    writer: Arc<Pool<ConnectionManager>>,
    reader: Arc<Pool<ConnectionManager>>,
    /// Whether the last write failed.
    write_failed: Arc<AtomicBool>,
}

impl Database {
    /// Opens an existing database. A missing SQLite file is an error.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::Existing)
    }

    /// Opens the database; creates the SQLite file if it is missing.
    pub fn open_or_create(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::Create)
    }

    /// Opens an existing database for reading; a SQLite file is opened read-only.
    pub fn open_read_only(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::ReadOnly)
    }

    fn with_mode(settings: &DatabaseSettings, mode: OpenMode) -> Result<Self, DbError> {
        conn::connect(&settings.url, mode)?;
        let writing = if mode == OpenMode::ReadOnly {
            mode
        } else {
            OpenMode::Existing
        };
        let pool = |size: u32, mode: OpenMode| {
            let manager = ConnectionManager::new(settings.url.clone(), mode);
            let builder = Pool::builder()
                .max_size(size)
                // No connection in advance: if a thread of the pool is still connecting when a command
                // exits, libcrypto's clean-up at exit makes the process crash.
                .min_idle(Some(0))
                .connection_timeout(CONNECTION_TIMEOUT)
                .error_handler(Box::new(error::LogPoolErrors));
            Arc::new(builder.build_unchecked(manager))
        };
        let write_failed = Arc::new(AtomicBool::new(false));
        Ok(match &settings.url {
            DatabaseUrl::Sqlite(_) => Self {
                writer: pool(1, writing),
                reader: pool(SQLITE_READERS, OpenMode::ReadOnly),
                write_failed,
            },
            DatabaseUrl::Postgres(_) => {
                let both = pool(settings.pool_size, writing);
                Self {
                    writer: Arc::clone(&both),
                    reader: both,
                    write_failed,
                }
            }
        })
    }

    /// Runs `queries` on a blocking thread, without a transaction. They run to the end even if the client
    /// disconnects.
    pub async fn read<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let database = self.clone();
        run_blocking(move || database.read_blocking(queries)).await
    }

    /// Runs `queries` on a blocking thread in one transaction, which an `Err` rolls back. They run to the
    /// end even if the client disconnects.
    pub async fn write<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let database = self.clone();
        run_blocking(move || database.write_blocking(queries)).await
    }

    /// [`read`](Self::read) without async, for commands.
    pub fn read_blocking<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        queries(&mut *connection(&self.reader)?)
    }

    /// [`write`](Self::write) without async, for commands.
    pub fn write_blocking<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = connection(&self.writer)
            .map_err(E::from)
            .and_then(|mut conn| conn::transaction(&mut conn, queries));
        // Any error counts: at worst the next readiness probe writes without need.
        self.write_failed.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    /// Names of the migrations that are not applied, the oldest first. Creates no file.
    pub fn pending_migrations(settings: &DatabaseSettings) -> Result<Vec<String>, DbError> {
        match Self::open(settings) {
            Ok(database) => database.migrations()?.pending(),
            Err(DbError::Missing(_)) => migrations::names(&settings.url),
            Err(error) => Err(error),
        }
    }

    /// The migrations of this database.
    pub fn migrations(&self) -> Result<Migrations, DbError> {
        Ok(Migrations::new(connection(&self.writer)?))
    }

    /// Whether the application can serve requests: the database answers and every migration is applied. If
    /// the last write failed, the probe also writes; otherwise it only reads.
    pub async fn is_ready(&self) -> Result<bool, DbError> {
        let database = self.clone();
        run_blocking(move || {
            if !Migrations::new(connection(&database.reader)?)
                .pending()?
                .is_empty()
            {
                return Ok(false);
            }
            if database.write_failed.load(Ordering::Relaxed) {
                database.check_writable()?;
            }
            Ok(true)
        })
        .await
    }

    /// Fails if the database cannot be written to: SQLite's file is read-only, or its disk is full.
    pub fn check_writable(&self) -> Result<(), DbError> {
        self.write_blocking(conn::probe_write)
    }
}

fn connection(
    pool: &Pool<ConnectionManager>,
) -> Result<PooledConnection<ConnectionManager>, DbError> {
    pool.get().map_err(DbError::from)
}

async fn run_blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    // A timeout ends the wait, and not the work.
    match tokio::time::timeout(QUERY_TIMEOUT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(DbError::Interrupted.into()),
        Err(_) => Err(DbError::Unavailable(format!("no answer within {QUERY_TIMEOUT:?}")).into()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
