//! Revokes at WorkOS the sessions that have ended here. They are rows until WorkOS has answered, so that neither an
//! outage of WorkOS nor the end of this process loses one.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError, database_time};
use crate::ids::UserId;
use crate::sessions::WorkosRevocation;
use crate::workos::{WorkosClient, WorkosError};

/// How often the rows are read, for those of other processes and of failed attempts.
const INTERVAL: Duration = Duration::from_secs(5);
/// How many sessions are revoked at once, and at most within [`PACE`]: WorkOS lists a limit of 500 requests of all kinds
/// that write in ten seconds.
const BATCH: u8 = 10;
const PACE: Duration = Duration::from_secs(1);
/// How long a process may take to revoke one session: longer than the time-out of the client.
const LEASE: TimeDelta = TimeDelta::seconds(20);
/// The back-off after the first failure. It doubles with each further one.
const FIRST_BACK_OFF: TimeDelta = TimeDelta::seconds(10);
const LONGEST_BACK_OFF: TimeDelta = TimeDelta::minutes(10);
/// A session is not revoked any more after this time.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(1);

/// Revokes ended sessions at WorkOS. Cheap to clone.
#[derive(Clone)]
pub struct WorkosRevocations {
    database: Database,
    workos: WorkosClient,
    clock: Clock,
    requested: Arc<Notify>,
}

/// Why sessions were not revoked at WorkOS.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// WorkOS cannot be reached, or refuses the API key.
    #[error(transparent)]
    Workos(#[from] WorkosError),
    /// The rows cannot be read or written.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl WorkosRevocations {
    /// Creates the service.
    pub fn new(database: Database, workos: WorkosClient, clock: Clock) -> Self {
        Self {
            database,
            workos,
            clock,
            requested: Arc::default(),
        }
    }

    /// The clock of this service.
    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Sends requested revocations soon. Called after the transaction that requests them.
    pub fn send_soon(&self) {
        self.requested.notify_one();
    }

    /// Sends requested revocations, for as long as this future is awaited.
    pub async fn send_periodically(&self) {
        let mut is_failing = false;
        let clock = self.clock.clone();
        let make_due = move |conn: &mut Conn| {
            let now = database_time(conn, &clock)?;
            Ok(WorkosRevocation::make_due(conn, now)?)
        };
        if let Err::<_, DbError>(error) = self.database.write(make_due).await {
            log::error!("failed to read the sessions that are to end at WorkOS: {error}");
        }
        loop {
            let sent = self.send_due(None).await;
            match &sent {
                Err(error) if !is_failing => log::warn!(
                    "sessions that ended here did not end at WorkOS, trying again: {error}"
                ),
                Ok(()) | Err(_) => {}
            }
            is_failing = sent.is_err();
            // An error means that the time is up.
            let _elapsed = tokio::time::timeout(INTERVAL, self.requested.notified()).await;
        }
    }

    /// Sends the revocations that are due, of this user or of all, until one fails.
    pub async fn send_due(&self, user_id: Option<UserId>) -> Result<(), RevocationError> {
        loop {
            let (began, clock) = (Instant::now(), self.clock.clone());
            let due = move |conn: &mut Conn| {
                let now = database_time(conn, &clock)?;
                WorkosRevocation::due(conn, user_id, now, BATCH).map_err(DbError::from)
            };
            let due = self.database.read(due).await?;
            if due.is_empty() {
                return Ok(());
            }
            let share = u32::try_from(due.len()).unwrap_or(BATCH.into());
            let sent = join_all(due.into_iter().map(|revocation| self.send(revocation)));
            sent.await.into_iter().collect::<Result<(), _>>()?;
            // Small batches follow each other too while sessions end one after another.
            tokio::time::sleep_until(began + PACE * share / u32::from(BATCH)).await;
        }
    }

    /// Sends one revocation, unless another process does. The outcome is stored by the process that sent it.
    async fn send(&self, revocation: WorkosRevocation) -> Result<(), RevocationError> {
        let (row, clock) = (revocation.clone(), self.clock.clone());
        let claim = move |conn: &mut Conn| {
            let now = database_time(conn, &clock)?;
            let is_claimed = row.claim(conn, now, now.plus(LEASE))?;
            Ok::<_, DbError>(is_claimed.then_some(now))
        };
        let Some(now) = self.database.write(claim).await? else {
            return Ok(());
        };
        let sid = &revocation.sid;
        let result = match self.workos.revoke_session(sid).await {
            // The session has already ended at WorkOS, usually by the browser's log-out.
            Err(error @ WorkosError::Refused { .. })
                if !error.is_misconfiguration() && !error.is_foreign() =>
            {
                log::debug!("WorkOS did not revoke session {sid}: {error}");
                Ok(())
            }
            result => result,
        };
        let is_over = now >= revocation.created_at.plus(GIVE_UP_AFTER);
        if let (Err(error), true) = (&result, is_over) {
            log::error!(
                "session {sid} ended here a day ago and was not revoked at WorkOS, giving up: {error}"
            );
        }
        let next = (result.is_err() && !is_over).then(|| next_attempt(&revocation, now));
        let store = move |conn: &mut Conn| {
            let stored = match next {
                Some(next) => revocation.postpone(conn, next),
                None => WorkosRevocation::delete(conn, &revocation.sid),
            };
            stored.map_err(DbError::from)
        };
        self.database.write(store).await?;
        Ok(result?)
    }
}

fn next_attempt(revocation: &WorkosRevocation, now: Timestamp) -> Timestamp {
    let doublings = revocation.attempts.clamp(0, 10);
    now.plus((FIRST_BACK_OFF * (1 << doublings)).min(LONGEST_BACK_OFF))
}
