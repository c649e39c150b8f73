//! The database: SQLite or PostgreSQL. No other module knows which.
//!
//! A query is a plain function `fn name(conn: &mut Conn, …) -> QueryResult<…>`. [`Database::read`] and
//! [`Database::write`] run such functions; those of one call to `write` share a transaction.

mod after_commit;
mod backup;
mod blocking;
mod conn;
mod error;
mod faults;
mod integrity;
mod lane;
mod migrations;
mod pool;
mod readiness;
mod row_queues;
pub mod schema;
mod sequence;
mod session_sql;
pub mod source;
mod sqlite_file;
mod timestamp;
mod transaction_mark;
mod wal;
mod watch;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub use after_commit::after_commit;
pub use backup::{BackupError, Restored, backup, restore};
pub use conn::{Conn, database_now, database_time, on_unique_violation};
pub(crate) use conn::{for_each_row, insert_all, load_unlocked};
pub use error::DbError;
pub use migrations::Migrations;
pub use sequence::{bump_sequence, take_ids};

use crate::settings::{DatabaseSettings, DatabaseUrl};
use blocking::run_blocking;
use conn::OpenMode;
use faults::Faults;
use lane::Lane;
use pool::LockWait;
use readiness::{PROBE_TIMEOUT, Readiness};
use row_queues::{RowKey, RowQueues};
use sqlite_file::SqliteFile;

/// How long a request waits for its queries. It is longer than the wait for a lock and the timeout of a
/// statement together.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// SQLite reads in parallel in WAL mode. More readers would only wait for the CPU.
const SQLITE_READERS: u32 = 8;
/// How often queries run if other transactions are in the way, or connections end before them.
const ATTEMPTS: usize = 4;

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    /// SQLite allows one writer at a time. Waiting writers are served in order here; SQLite's lock does not.
    writer: Arc<Lane>,
    reader: Arc<Lane>,
    /// On PostgreSQL a connection of its own, so that a readiness probe does not wait for requests.
    probe: Arc<Lane>,
    /// On PostgreSQL a connection of its own for what every request depends on.
    reserved: Arc<Lane>,
    /// On PostgreSQL, where a locked row does not concern everybody.
    queues: Option<Arc<RowQueues>>,
    /// The rows that the writes of this handle need.
    key: Option<RowKey>,
    readiness: Arc<Readiness>,
    query_timeout: Duration,
    /// `None` on PostgreSQL.
    file: Option<Arc<SqliteFile>>,
}

impl Database {
    /// Waits no longer than this for queries, so that a test need not wait 15 seconds.
    #[must_use]
    pub fn with_query_timeout(self, query_timeout: Duration) -> Self {
        Self {
            query_timeout,
            ..self
        }
    }

    /// Opens an existing database. A missing SQLite file is an error.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::Existing)
    }

    /// Opens the database; creates the SQLite file if there never was one.
    pub fn open_or_create(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::Create)
    }

    /// Opens an existing database for reading; a SQLite file is opened read-only.
    pub fn open_read_only(settings: &DatabaseSettings) -> Result<Self, DbError> {
        Self::with_mode(settings, OpenMode::ReadOnly)
    }

    fn with_mode(settings: &DatabaseSettings, mode: OpenMode) -> Result<Self, DbError> {
        let (sql, file) = sqlite_file::open(settings, mode)?;
        let url = &match &file {
            Some(file) => DatabaseUrl::Sqlite(file.path().to_owned()),
            None => settings.url.clone(),
        };
        let writing = if mode == OpenMode::ReadOnly {
            mode
        } else {
            OpenMode::Existing
        };
        let lane = |size: u32, mode: OpenMode| Lane::new(size, url, mode, &sql, &file);
        let readiness = Arc::default();
        Ok(match url {
            DatabaseUrl::Sqlite(_) => {
                let reader = lane(SQLITE_READERS, OpenMode::ReadOnly);
                Self {
                    writer: lane(1, writing),
                    probe: Arc::clone(&reader),
                    reserved: Arc::clone(&reader),
                    reader,
                    queues: None,
                    key: None,
                    readiness,
                    query_timeout: QUERY_TIMEOUT,
                    file,
                }
            }
            DatabaseUrl::Postgres(_) => {
                let both = lane(settings.pool_size, writing);
                Self {
                    writer: Arc::clone(&both),
                    reader: both,
                    probe: lane(1, writing),
                    reserved: lane(1, writing),
                    queues: Some(Arc::default()),
                    key: None,
                    readiness,
                    query_timeout: QUERY_TIMEOUT,
                    file,
                }
            }
        })
    }

    /// A handle whose writes need rows that belong to this id, of an account or a session. On PostgreSQL, two of
    /// them run at a time in this process: if such a row is locked, further ones wait without a connection.
    pub fn queued_by(&self, id: impl Hash) -> Self {
        Self {
            key: self.queues.as_ref().map(|queues| queues.key(id)),
            ..self.clone()
        }
    }

    /// Whether writes for one account pass a queue, as on PostgreSQL.
    pub(crate) fn has_queues(&self) -> bool {
        self.queues.is_some()
    }

    /// A handle that reads with a connection which requests do not use, for what every request depends on.
    pub fn reserved(&self) -> Self {
        Self {
            reader: Arc::clone(&self.reserved),
            ..self.clone()
        }
    }

    /// Runs `queries` on a blocking thread, without a transaction of their own. Once begun, they run to the end
    /// even if the client disconnects. If their connection has ended before them, they run on another one.
    pub async fn read<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let permit = self.reader.permit().await?;
        let lane = Arc::clone(&self.reader);
        run_blocking(&self.reader, self.query_timeout, permit, move || {
            for _ in 1..ATTEMPTS {
                match lane.read(queries.clone()) {
                    Err(failure) if failure.may_succeed_again => {}
                    outcome => return outcome.map_err(|failure| failure.error),
                }
            }
            lane.read(queries).map_err(|failure| failure.error)
        })
        .await
    }

    /// Runs `queries` on a blocking thread in one transaction, which an `Err` rolls back. Once begun, they run to
    /// the end even if the client disconnects. After a deadlock or a serialization failure they run again, in
    /// another transaction.
    pub async fn write<T, E>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let in_turn = match (&self.queues, self.key) {
            (Some(queues), Some(key)) => Some(queues.enter(key).await?),
            _ => None,
        };
        let permit = self.writer.permit().await?;
        let held = (permit, in_turn);
        let database = self.clone();
        run_blocking(&self.writer, self.query_timeout, held, move || {
            repeat_conflicts(&mut || database.noted(database.writer.write(queries.clone())))
        })
        .await
    }

    /// [`read`](Self::read) without async, for commands.
    pub fn read_blocking<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = self.reader.read_once(queries, LockWait::Long);
        outcome.map_err(|failure| failure.error)
    }

    /// [`write`](Self::write) without async, for commands.
    pub fn write_blocking<T, E: From<DbError>>(
        &self,
        mut queries: impl FnMut(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut write = || self.noted(self.writer.write_once(&mut queries, LockWait::Long));
        repeat_conflicts(&mut write)
    }

    /// Notes the outcome of a write for the readiness probe.
    fn noted<T, E>(&self, (outcome, faults): (Result<T, E>, Faults)) -> (Result<T, E>, Faults) {
        self.readiness.note_write(outcome.is_ok(), faults);
        (outcome, faults)
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
        Ok(Migrations::new(self.writer.get()?))
    }

    /// Whether the application can serve requests: the database answers, can be written to, and every migration
    /// is applied. The database is asked once a second at most.
    pub async fn is_ready(&self) -> Result<bool, DbError> {
        self.check_file()?;
        self.readiness.ask(self.probe()).await
    }

    async fn probe(&self) -> Result<bool, DbError> {
        let database = Self {
            reader: Arc::clone(&self.probe),
            query_timeout: self.query_timeout.min(PROBE_TIMEOUT),
            ..self.clone()
        };
        if !database.read(migrations::pending).await?.is_empty() {
            return Ok(false);
        }
        let permit = self.probe.permit().await?;
        let limit = database.query_timeout;
        run_blocking(&self.probe, limit, permit, move || {
            database.probe_write()?;
            Ok(true)
        })
        .await
    }

    /// SQLite's only writer is asked only after a write has failed.
    fn probe_write(&self) -> Result<(), DbError> {
        let write_failed = self.readiness.write_failed();
        if write_failed {
            let lane = if self.queues.is_some() {
                &self.probe
            } else {
                &self.writer
            };
            lane.write(conn::probe_space).0?;
            lane.write(conn::clear_space_probe).0
        } else if self.queues.is_some() {
            self.probe.write(conn::probe_write).0
        } else {
            Ok(())
        }
    }

    /// Fails if the database cannot be written to: SQLite's file is read-only or its disk is full, or PostgreSQL's
    /// server only allows reading.
    pub fn check_writable(&self) -> Result<(), DbError> {
        self.write_blocking(conn::probe_write)
    }
}

/// Calls `write` again for as long as another transaction is in the way.
fn repeat_conflicts<T, E>(write: &mut dyn FnMut() -> (Result<T, E>, Faults)) -> Result<T, E> {
    for _ in 1..ATTEMPTS {
        match write() {
            (Err(_), faults) if faults.any_of(Faults::CONFLICT) => {
                log::info!("a transaction conflicted with another one; running it again");
            }
            (outcome, _) => return outcome,
        }
    }
    write().0
}

#[cfg(test)]
pub(crate) mod tests;
