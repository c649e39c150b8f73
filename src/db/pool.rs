//! The pool's connections: how one is opened, when it is asked whether it still works, and when it is discarded.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{
    Connection, InstrumentationEvent, TransactionManager, get_default_instrumentation,
};
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::result::QueryResult;

use super::after_commit::with_actions;
use super::conn::{self, Conn, OpenMode};
use super::error::DbError;
use super::faults::{FaultRecord, Faults};
use super::session_sql::SessionSql;
use crate::settings::DatabaseUrl;

/// A connection is asked again whether it works when this time has passed, used or not.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// A connection to a server that only allows reading is kept for this time, so that an outage of writes does not
/// cost a new connection for each request.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// How long a statement of a transaction of PostgreSQL waits for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockWait {
    /// A fifth of a second.
    Short,
    /// Two seconds.
    Long,
}

/// Opens connections for a pool.
pub(super) struct ConnectionManager {
    url: DatabaseUrl,
    mode: OpenMode,
    sql: Arc<SessionSql>,
    /// Incremented when a connection turns out to be closed or read-only. The others are then asked before they
    /// are used again, because a restart or a failover concerns all of them.
    incidents: AtomicU64,
    /// Whether connections are closed instead of being kept.
    closing: Arc<AtomicBool>,
}

/// A connection of a pool. It ends when it is returned broken.
pub(super) struct PooledConn {
    conn: Conn,
    sql: Arc<SessionSql>,
    record: Arc<FaultRecord>,
    opened_at: Instant,
    checked_at: Instant,
    /// The manager's `incidents` at the last check.
    incidents: u64,
    /// The number of rows that it had changed at its last commit.
    changes: i64,
}

impl ConnectionManager {
    pub(super) fn new(
        url: DatabaseUrl,
        mode: OpenMode,
        sql: Arc<SessionSql>,
        closing: Arc<AtomicBool>,
    ) -> Self {
        Self {
            url,
            mode,
            sql,
            incidents: AtomicU64::new(0),
            closing,
        }
    }

    fn must_be_checked(&self, conn: &PooledConn) -> bool {
        conn.faults() != Faults::default()
            || conn.incidents != self.incidents.load(Ordering::Relaxed)
            || conn.checked_at.elapsed() >= CHECK_INTERVAL
    }
}

impl ManageConnection for ConnectionManager {
    type Connection = PooledConn;
    type Error = DbError;

    fn connect(&self) -> Result<PooledConn, DbError> {
        if self.closing.load(Ordering::Relaxed) {
            return Err(DbError::Interrupted);
        }
        let incidents = self.incidents.load(Ordering::Relaxed);
        let mut conn = conn::connect(&self.url, self.mode, &self.sql)?;
        let record = Arc::<FaultRecord>::default();
        let observed = Arc::clone(&record);
        // It replaces the one that the program has set for every connection, as a test does.
        let mut other = get_default_instrumentation();
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            observed.observe(&event);
            if let Some(other) = &mut other {
                other.on_connection_event(event);
            }
        });
        let now = Instant::now();
        Ok(PooledConn {
            conn,
            sql: Arc::clone(&self.sql),
            record,
            opened_at: now,
            checked_at: now,
            incidents,
            changes: 0,
        })
    }

    /// Called whenever a connection is taken from the pool.
    fn is_valid(&self, conn: &mut PooledConn) -> Result<(), DbError> {
        if !self.must_be_checked(conn) {
            return Ok(());
        }
        let incidents = self.incidents.load(Ordering::Relaxed);
        let outcome = conn::check_usable(&mut conn.conn, self.mode);
        let is_read_only = outcome.is_err() && conn.faults().any_of(Faults::READ_ONLY);
        if is_read_only && conn.opened_at.elapsed() < RECONNECT_INTERVAL {
            conn.record.keep_only(Faults::READ_ONLY);
            return Ok(());
        }
        outcome?;
        conn.record.keep_only(Faults::default());
        conn.checked_at = Instant::now();
        conn.incidents = incidents;
        Ok(())
    }

    /// Called whenever a connection is returned to the pool.
    fn has_broken(&self, conn: &mut PooledConn) -> bool {
        let faults = conn.faults();
        if faults.any_of(Faults::CLOSED.or(Faults::READ_ONLY)) {
            self.incidents.fetch_add(1, Ordering::Relaxed);
        }
        self.closing.load(Ordering::Relaxed)
            || std::thread::panicking()
            || conn.conn.is_broken()
            || faults.any_of(Faults::CLOSED)
    }
}

impl PooledConn {
    /// What went wrong since the connection was last taken from the pool.
    pub(super) fn faults(&self) -> Faults {
        self.record.get()
    }

    /// Forgets what went wrong so far.
    pub(super) fn forget_faults(&self) {
        self.record.keep_only(Faults::default());
    }

    /// Whether the connection has ended, and was opened before `time`: another one may work.
    pub(super) fn had_ended(&self, time: Instant) -> bool {
        self.faults().any_of(Faults::CLOSED) && self.opened_at < time
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self, wait: LockWait) -> QueryResult<()> {
        let statement = match (wait, &self.sql.begin_with_long_wait) {
            (LockWait::Long, Some(statement)) => statement,
            _ => &self.sql.begin,
        };
        conn::begin(&mut self.conn, statement)
    }

    /// Runs `queries` in the transaction that [`begin`](Self::begin) began, ends it, and does what they have left for
    /// after the commit.
    pub(super) fn finish<T, E: From<DbError>>(
        &mut self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        with_actions(|| self.end(queries))
    }

    fn end<T, E: From<DbError>>(
        &mut self,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        type Transactions = <Conn as Connection>::TransactionManager;
        let (conn, changes) = (&mut self.conn, &mut self.changes);
        let outcome = queries(conn).and_then(|value| {
            conn::before_commit(conn, changes).map_err(DbError::from)?;
            Ok(value)
        });
        match outcome {
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

    /// Runs `queries` in a transaction.
    pub(super) fn transaction<T, E: From<DbError>>(
        &mut self,
        wait: LockWait,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin(wait).map_err(DbError::from)?;
        self.finish(queries)
    }

    /// Runs `queries` that only read: without a transaction where the session has the settings they need.
    pub(super) fn read<T, E: From<DbError>>(
        &mut self,
        wait: LockWait,
        queries: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let waits_longer = wait == LockWait::Long && self.sql.begin_with_long_wait.is_some();
        if self.sql.is_behind_pooler || waits_longer {
            self.transaction(wait, queries)
        } else {
            queries(&mut self.conn)
        }
    }
}

impl Deref for PooledConn {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for PooledConn {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
