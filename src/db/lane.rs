//! A pool of connections with a queue in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::r2d2::{Pool, PooledConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conn::{Conn, OpenMode};
use super::error::{DbError, LogPoolErrors};
use super::faults::Faults;
use super::pool::{ConnectionManager, LockWait, PooledConn};
use super::session_sql::SessionSql;
use super::sqlite_file::SqliteFile;
use crate::settings::DatabaseUrl;

/// How long a request waits for a connection before it fails.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

const CLOSE_RETRY: Duration = Duration::from_millis(5);

/// The permission to use a connection.
pub(super) type Permit = OwnedSemaphorePermit;

/// Some connections, and the requests that wait for them.
pub(super) struct Lane {
    pool: Pool<ConnectionManager>,
    /// SQLite's file, which must be in its place.
    file: Option<Arc<SqliteFile>>,
    /// Whether connections are closed instead of being kept.
    closing: Arc<AtomicBool>,
    /// One for each connection. A request waits here, in order and without a thread: a pool's waiting threads
    /// would leave none for those who have connections of their own.
    permits: Arc<Semaphore>,
    /// Half as many. A transaction that gets none waits for a lock only briefly, so that transactions that wait
    /// for one table or row do not use all connections.
    long_waits: Arc<Semaphore>,
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
        let manager =
            ConnectionManager::new(url.clone(), mode, Arc::clone(sql), Arc::clone(&closing));
        let pool = Pool::builder()
            .max_size(size)
            // No connection in advance: if a thread of the pool is still connecting when a command
            // exits, libcrypto's clean-up at exit makes the process crash.
            .min_idle(Some(0))
            .connection_timeout(CONNECTION_TIMEOUT)
            .error_handler(Box::new(LogPoolErrors))
            .build_unchecked(manager);
        let permits = size as usize;
        Arc::new(Self {
            pool,
            file: file.clone(),
            closing,
            permits: Arc::new(Semaphore::new(permits)),
            long_waits: Arc::new(Semaphore::new(permits.div_ceil(2))),
        })
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
        self.pool.get().map_err(DbError::from)
    }

    /// Closes the connections, and waits until `until` for those that are in use. None is opened again.
    pub(super) fn close(&self, until: Instant) {
        self.closing.store(true, Ordering::Relaxed);
        while self.pool.state().connections > 0 && Instant::now() < until {
            match self.pool.try_get() {
                // It is closed instead of going back to the pool.
                Some(conn) => drop(conn),
                None => std::thread::sleep(CLOSE_RETRY),
            }
        }
    }

    /// Takes a connection and begins a transaction. A connection that ended while nobody used it is replaced.
    fn begin(&self, wait: LockWait) -> Result<PooledConnection<ConnectionManager>, DbError> {
        let now = Instant::now();
        loop {
            let mut conn = self.get()?;
            match conn.begin(wait) {
                Err(_) if conn.had_ended(now) => {}
                outcome => return Ok(outcome.map(|()| conn)?),
            }
        }
    }

    /// Runs `queries` in a transaction, and tells what went wrong in it.
    pub(super) fn write<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> (Result<T, E>, Faults) {
        let long_wait = Arc::clone(&self.long_waits).try_acquire_owned();
        match self.begin(lock_wait(long_wait.is_ok())) {
            Ok(mut conn) => {
                let outcome = conn.finish(queries);
                (outcome, conn.faults())
            }
            Err(error) => (Err(error.into()), Faults::OTHER),
        }
    }

    /// Runs `queries` that only read. `retry` says whether they may succeed on another connection, or again.
    pub(super) fn read<T, E: From<DbError>>(
        &self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, ReadFailure<E>> {
        let now = Instant::now();
        let long_wait = Arc::clone(&self.long_waits).try_acquire_owned();
        let failed = |error: DbError| ReadFailure {
            error: error.into(),
            may_succeed_again: false,
        };
        let mut conn = self.get().map_err(failed)?;
        let outcome = PooledConn::read(&mut conn, lock_wait(long_wait.is_ok()), queries);
        outcome.map_err(|error| ReadFailure {
            error,
            may_succeed_again: conn.had_ended(now) || conn.faults().any_of(Faults::CONFLICT),
        })
    }
}

/// An error of queries that only read.
pub(super) struct ReadFailure<E> {
    pub(super) error: E,
    /// Whether the connection had ended before, or another transaction was in the way.
    pub(super) may_succeed_again: bool,
}

fn lock_wait(is_long: bool) -> LockWait {
    if is_long {
        LockWait::Usual
    } else {
        LockWait::Short
    }
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
