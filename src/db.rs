//! The database: the only place that knows there are two backends.
//!
//! A query is a plain function `fn name(conn: &mut Conn, …) -> QueryResult<…>`, run through
//! [`Database::read`] or [`Database::write`] and composed inside one transaction.

mod conn;
mod error;
mod migrations;
pub mod schema;
pub mod source;
mod timestamp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::r2d2::{Pool, PooledConnection};

pub(crate) use conn::insert_all;
pub use conn::{Conn, database_now, raise_ids, unless_taken};
pub use error::DbError;
pub use migrations::Migrations;

use crate::settings::{DatabaseSettings, DatabaseUrl};
use conn::{Manager, Mode};

/// How long a request waits for a connection before it is told to try again.
const CONNECTION_WAIT: Duration = Duration::from_secs(3);
/// A database that neither answers nor breaks off holds a request up no longer: more than a wait for
/// a connection and the longest statement together.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// SQLite reads in parallel under WAL; more readers than this only wait for the two or four cores.
const SQLITE_READERS: u32 = 8;

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    /// SQLite takes one writer at a time: waiting for it in the pool is fair, its own lock is not.
    writer: Arc<Pool<Manager>>,
    reader: Arc<Pool<Manager>>,
    /// Whether the last write failed.
    write_failed: Arc<AtomicBool>,
}

impl Database {
    /// Opens the database that is there; a SQLite file that is missing is an error.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, Mode::Existing)
    }

    /// Opens the database, and makes a SQLite file where there is none.
    pub fn open_or_create(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, Mode::Create)
    }

    /// Opens the database that is there to look at it: SQLite's file cannot be written to.
    pub fn open_to_look(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, Mode::ReadOnly)
    }

    fn with_mode(settings: &DatabaseSettings, mode: Mode) -> Result<Self, DbError> {
        conn::connect(&settings.url, mode)?;
        let writing = if mode == Mode::ReadOnly {
            mode
        } else {
            Mode::Existing
        };
        let pool = |size: u32, mode: Mode| {
            let manager = Manager::new(settings.url.clone(), mode);
            let builder = Pool::builder()
                .max_size(size)
                // None ahead of need: a thread of the pool that is still connecting when a command
                // ends meets libcrypto's clean-up at exit, and the process dies of it.
                .min_idle(Some(0))
                .connection_timeout(CONNECTION_WAIT)
                .error_handler(Box::new(error::LogPoolErrors));
            Arc::new(builder.build_unchecked(manager))
        };
        let write_failed = Arc::new(AtomicBool::new(false));
        Ok(match &settings.url {
            DatabaseUrl::Sqlite(_) => Self {
                writer: pool(1, writing),
                reader: pool(SQLITE_READERS, Mode::ReadOnly),
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

    /// Runs `queries` off the async threads, outside a transaction, and to the end: a client that
    /// goes away does not stop it.
    pub async fn read<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let database = self.clone();
        off_thread(move || database.read_blocking(queries)).await
    }

    /// Runs `queries` off the async threads in one transaction and to its end; an `Err` rolls back.
    pub async fn write<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let database = self.clone();
        off_thread(move || database.write_blocking(queries)).await
    }

    /// [`read`](Self::read) for commands, which have no async threads.
    pub fn read_blocking<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        queries(&mut *take(&self.reader)?)
    }

    /// [`write`](Self::write) for commands, which have no async threads.
    pub fn write_blocking<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = take(&self.writer)
            .map_err(E::from)
            .and_then(|mut conn| conn::transaction(&mut conn, queries));
        // Whatever the reason: at worst, the next probe writes once for nothing.
        self.write_failed.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    /// Names of the migrations that are not applied, oldest first; makes no file.
    pub fn pending_migrations(settings: &DatabaseSettings) -> Result<Vec<String>, DbError> {
        match Self::open(settings) {
            Ok(database) => database.migrations()?.pending(),
            Err(DbError::Missing(_)) => migrations::names(&settings.url),
            Err(error) => Err(error),
        }
    }

    /// The migrations of this database, applied and not.
    pub fn migrations(&self) -> Result<Migrations, DbError> {
        Ok(Migrations::new(take(&self.writer)?))
    }

    /// Ready to serve: the database answers, every migration is applied, and, where the last write
    /// failed, it can be written to again. A probe of a sound database only reads, beside its writer.
    pub async fn is_ready(&self) -> Result<bool, DbError> {
        let database = self.clone();
        off_thread(move || {
            if !Migrations::new(take(&database.reader)?)
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

    /// Fails where nothing can be written: SQLite's file is read-only, or its disk is full.
    pub fn check_writable(&self) -> Result<(), DbError> {
        self.write_blocking(conn::write_nothing_new)
    }
}

fn take(pool: &Pool<Manager>) -> Result<PooledConnection<Manager>, DbError> {
    pool.get().map_err(DbError::from)
}

async fn off_thread<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    // Whoever waits is let go; the work itself still runs to its end.
    match tokio::time::timeout(LONGEST_WAIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(DbError::Interrupted.into()),
        Err(_) => Err(DbError::Unavailable(format!("no answer within {LONGEST_WAIT:?}")).into()),
    }
}

#[cfg(test)]
mod tests;
