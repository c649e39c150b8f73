//! A pool of connections with a queue in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::r2d2::{Pool, PooledConnection};
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conn::{Conn, OpenMode};
use super::error::{DbError, LogPoolErrors};
use super::faults::Faults;
use super::pool::{ConnectionManager, LockWait, PooledConn};
use super::session_sql::{LONG_LOCK_TIMEOUT, SHORT_LOCK_TIMEOUT, SessionSql};
use super::sqlite_file::SqliteFile;
use crate::settings::DatabaseUrl;

/// How long a request waits for a connection before it fails.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

const CLOSE_RETRY: Duration = Duration::from_millis(5);
/// How many queries without an answer a lane may leave to PostgreSQL, if it has fewer connections. Otherwise it is as
/// many as it has connections.
const FEWEST_ABANDONED: usize = 3;

/// The permission to use a connection.
pub(super) type Permit = OwnedSemaphorePermit;

/// Some connections, and the requests that wait for them.
pub(super) struct Lane {
    pool: RwLock<NumberedPool>,
    settings: PoolSettings,
    /// The queries without an answer that may still be abandoned. None on SQLite, which has no server.
    abandonments: Arc<Semaphore>,
    most_abandoned: usize,
    /// SQLite's file, which must be in its place.
    file: Option<Arc<SqliteFile>>,
    /// Whether connections are closed instead of being kept.
    closing: Arc<AtomicBool>,
    /// One for each connection. A request waits here, in order and without a thread: a pool's waiting threads
    /// would leave none for those who have connections of their own.
    permits: Arc<Semaphore>,
    /// Half as many, for transactions that have waited for a lock in vain and wait longer, so that transactions that
    /// wait for one table or row do not use all connections.
    long_waits: Semaphore,
    /// Whether a lock concerns some rows or tables only, as on PostgreSQL.
    has_row_locks: bool,
}

/// A pool, which is replaced if its connections do not answer.
struct NumberedPool {
    pool: Pool<ConnectionManager>,
    /// Incremented with each replacement.
    number: u64,
}

/// What a pool is made of.
struct PoolSettings {
    size: u32,
    url: DatabaseUrl,
    mode: OpenMode,
    sql: Arc<SessionSql>,
}

impl PoolSettings {
    fn build(&self, closing: &Arc<AtomicBool>) -> Pool<ConnectionManager> {
        let (url, sql) = (self.url.clone(), Arc::clone(&self.sql));
        let manager = ConnectionManager::new(url, self.mode, sql, Arc::clone(closing));
        Pool::builder()
            .max_size(self.size)
            // No connection in advance: if a thread of the pool is still connecting when a command
            // exits, libcrypto's clean-up at exit makes the process crash.
            .min_idle(Some(0))
            .connection_timeout(CONNECTION_TIMEOUT)
            .error_handler(Box::new(LogPoolErrors))
            .build_unchecked(manager)
    }
}

impl Lane {
    pub(super) fn new(
        size: u32,
        url: &DatabaseUrl,
        mode: OpenMode,
        sql: &Arc<SessionSql>,
        file: &Option<Arc<SqliteFile>>,
    ) -> Arc<Self> {
        let closing = Arc::new(AtomicBool::new(false));
        let settings = PoolSettings {
            size,
            url: url.clone(),
            mode,
            sql: Arc::clone(sql),
        };
        let pool = NumberedPool {
            pool: settings.build(&closing),
            number: 0,
        };
        let permits = size as usize;
        let has_row_locks = matches!(url, DatabaseUrl::Postgres(_));
        let most_abandoned = match has_row_locks {
            true => permits.max(FEWEST_ABANDONED),
            false => 0,
        };
        Arc::new(Self {
            pool: RwLock::new(pool),
            settings,
            abandonments: Arc::new(Semaphore::new(most_abandoned)),
            most_abandoned,
            file: file.clone(),
            closing,
            permits: Arc::new(Semaphore::new(permits)),
            long_waits: Semaphore::new(permits.div_ceil(2)),
            has_row_locks,
        })
    }

    fn pool(&self) -> Pool<ConnectionManager> {
        self.pool.read().pool.clone()
    }

    /// The number of the present pool.
    pub(super) fn pool_number(&self) -> u64 {
        self.pool.read().number
    }

    /// Opens new connections instead of those of this pool, of which one does not answer. Returns a permit to keep for
    /// as long as it does not; `None` if too many do not answer already: with new connections for each, a server that
    /// answers nothing would get ever more.
    pub(super) fn abandon(&self, pool_number: u64) -> Option<Permit> {
        let permit = Arc::clone(&self.abandonments).try_acquire_owned().ok()?;
        let mut pool = self.pool.write();
        if pool.number == pool_number {
            log::warn!(
                "PostgreSQL does not answer a query; leaving the connections of that time and opening others"
            );
            // Those that nobody uses are closed with the pool, when the last one in use has been returned to it, or
            // after ten minutes.
            *pool = NumberedPool {
                pool: self.settings.build(&self.closing),
                number: pool_number + 1,
            };
        }
        Some(permit)
    }

    /// Waits until a connection is free.
    pub(super) async fn permit(&self) -> Result<Permit, DbError> {
        acquire(&self.permits, "no connection was free").await
    }

    /// Takes a connection.
    pub(super) fn get(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        if let Some(file) = &self.file {
            file.check_in_place()?;
        }
        self.pool().get().map_err(DbError::from)
    }

    /// Closes the connections, and waits until `until` for those that are in use. None is opened again.
    pub(super) fn close(&self, until: Instant) {
        self.closing.store(true, Ordering::Relaxed);
        let pool = self.pool();
        while pool.state().connections > 0 && Instant::now() < until {
            match pool.try_get() {
                // It is closed instead of going back to the pool.
                Some(conn) => drop(conn),
                None => std::thread::sleep(CLOSE_RETRY),
            }
        }
    }

    /// Whether a connection is open or in use.
    pub(super) fn is_in_use(&self) -> bool {
        let unused = self.abandonments.available_permits();
        self.pool().state().connections > 0 || unused < self.most_abandoned
    }

    /// Takes a connection and begins a transaction. A connection that ended while nobody used it is replaced, unless it
    /// did not answer before: nobody waits for the transaction any more.
    fn begin(&self, wait: LockWait) -> Result<PooledConnection<ConnectionManager>, DbError> {
        let (now, pool_number) = (Instant::now(), self.pool_number());
        loop {
            let mut conn = self.get()?;
            match conn.begin(wait) {
                Err(_) if conn.had_ended(now) && self.pool_number() == pool_number => {}
                outcome => return Ok(outcome.map(|()| conn)?),
            }
        }
    }

    /// Runs `queries` in a transaction, and tells what went wrong in it. If they fail because of a lock, they run
    /// again and wait longer for it, unless as many transactions as half of the connections do so already.
    pub(super) fn write<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Clone,
    ) -> (Result<T, E>, Faults) {
        let began = Instant::now();
        let first = self.write_once(queries.clone(), LockWait::Short);
        if first.0.is_ok() || !self.may_be_locked(first.1, began) {
            return first;
        }
        match self.long_waits.try_acquire() {
            Ok(_held) => self.write_once(queries, LockWait::Long),
            Err(_) => first,
        }
    }

    /// Runs `queries` in a transaction once.
    pub(super) fn write_once<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
        wait: LockWait,
    ) -> (Result<T, E>, Faults) {
        match self.begin(wait) {
            Ok(mut conn) => {
                let outcome = conn.finish(queries);
                (outcome, conn.faults())
            }
            Err(error) => (Err(error.into()), Faults::OTHER),
        }
    }

    /// As [`write`](Self::write), for `queries` that only read.
    pub(super) fn read<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E> + Clone,
    ) -> Result<T, ReadFailure<E>> {
        let began = Instant::now();
        match self.read_once(queries.clone(), LockWait::Short) {
            Err(failure) if self.may_be_locked(failure.faults, began) => {
                match self.long_waits.try_acquire() {
                    Ok(_held) => self.read_once(queries, LockWait::Long),
                    Err(_) => Err(failure),
                }
            }
            outcome => outcome,
        }
    }

    /// Runs `queries` that only read, once.
    pub(super) fn read_once<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
        wait: LockWait,
    ) -> Result<T, ReadFailure<E>> {
        let now = Instant::now();
        let failed = |error: DbError| ReadFailure {
            error: error.into(),
            may_succeed_again: false,
            faults: Faults::default(),
        };
        let mut conn = self.get().map_err(failed)?;
        let outcome = PooledConn::read(&mut conn, wait, queries);
        outcome.map_err(|error| ReadFailure {
            error,
            may_succeed_again: conn.had_ended(now) || conn.faults().any_of(Faults::CONFLICT),
            faults: conn.faults(),
        })
    }

    /// Whether queries that began at this time may have failed because they waited for a lock. Diesel has no kind
    /// for this error, and its text depends on the server's language.
    fn may_be_locked(&self, faults: Faults, began: Instant) -> bool {
        let waited = began.elapsed();
        self.has_row_locks
            && faults.any_of(Faults::OTHER)
            && (SHORT_LOCK_TIMEOUT..LONG_LOCK_TIMEOUT).contains(&waited)
    }
}

/// An error of queries that only read.
pub(super) struct ReadFailure<E> {
    pub(super) error: E,
    /// Whether the connection had ended before, or another transaction was in the way.
    pub(super) may_succeed_again: bool,
    faults: Faults,
}

/// Waits for a permit of this semaphore, for as long as for a connection.
pub(super) async fn acquire(semaphore: &Arc<Semaphore>, failure: &str) -> Result<Permit, DbError> {
    let permit = Arc::clone(semaphore).acquire_owned();
    match tokio::time::timeout(CONNECTION_TIMEOUT, permit).await {
        Ok(Ok(permit)) => Ok(permit),
        // Nobody closes these semaphores.
        Ok(Err(_)) => Err(DbError::Interrupted),
        Err(_) => Err(DbError::Unavailable(format!(
            "{failure} within {CONNECTION_TIMEOUT:?}"
        ))),
    }
}
