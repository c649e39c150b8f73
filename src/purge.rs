//! Deletes expired rows: with `vestibule flushexpiredtokens`, and once an hour in one of the replicas.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::accounts::delete_old_workos_deletions;
use crate::audit::delete_old_events;
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError, database_now};
use crate::jobs::{Job, LONGEST_CLAIM};
use crate::sessions::{SessionRow, delete_expired_tombstones};
use crate::settings::RetentionSettings;
use crate::sign_in::PendingSignInRow;
use crate::tokens::RefreshTokenRow;
use crate::webhooks;

/// The number of rows deleted in one transaction: at first, and at least and at most. It is adapted to
/// [`BATCH_TIME`].
const FIRST_BATCH: usize = 100;
const BATCH_SIZES: RangeInclusive<usize> = 25..=1_000;
/// How long one transaction should take. SQLite allows one writer at a time, so sign-ins wait meanwhile.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// The shortest and the longest pause between two transactions, in which requests and other processes can write.
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(2)..=Duration::from_secs(1);
const JOB: Job = Job::new("flushexpiredtokens");
/// How often rows are deleted.
const INTERVAL: TimeDelta = LONGEST_CLAIM;
/// How often a replica checks whether the job is due.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The numbers of deleted rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeletedRows {
    /// Rows of `refresh_tokens`.
    pub refresh_tokens: usize,
    /// Rows of `sessions`.
    pub sessions: usize,
    /// Rows of `webhook_events`.
    pub webhook_events: usize,
    /// Rows of `pending_sign_ins`.
    pub pending_sign_ins: usize,
}

/// Deletes the rows that have expired by the database's clock. The clock of one replica may be ahead, and must not
/// delete what is valid for the others.
pub async fn purge(
    database: &Database,
    retention: &RetentionSettings,
) -> Result<DeletedRows, DbError> {
    let now = database
        .read(|conn| database_now(conn).map_err(DbError::from))
        .await?;
    purge_expired_at(database, retention, now).await
}

/// Deletes the rows that have expired by `now`, expired replay responses of refresh tokens, and old audit
/// events. The rows of refresh tokens and of revoked sessions are kept for the lifetime of an access token, and for
/// at least a day, because that lifetime may have been shortened since: an access token may outlive its refresh
/// token, and these rows are the reason why it is refused after a log-out.
pub async fn purge_expired_at(
    database: &Database,
    retention: &RetentionSettings,
    now: Timestamp,
) -> Result<DeletedRows, DbError> {
    let lifetime = retention.access_lifetime + retention.leeway;
    let kept_for = lifetime.max(TimeDelta::days(1));
    let expired_at = now.plus(-kept_for);
    let oldest_event = now.plus(-retention.audit_events);
    let mut failure = None;
    // One locked row must not stop the other tables.
    let mut count = |outcome: Result<usize, DbError>| match outcome {
        Ok(rows) => rows,
        Err(error) => {
            failure.get_or_insert(error);
            0
        }
    };
    let successors = in_batches(database, move |conn, limit| {
        RefreshTokenRow::delete_expired_successors(conn, now, limit)
    });
    count(successors.await);
    let refresh_tokens = in_batches(database, move |conn, limit| {
        RefreshTokenRow::delete_expired(conn, expired_at, limit)
    });
    let sessions = in_batches(database, move |conn, limit| {
        SessionRow::delete_expired(conn, now, kept_for, limit)
    });
    let webhook_events = in_batches(database, move |conn, limit| {
        webhooks::delete_expired(conn, now, limit)
    });
    let pending_sign_ins = in_batches(database, move |conn, limit| {
        PendingSignInRow::delete_expired(conn, now, limit)
    });
    let deleted = DeletedRows {
        refresh_tokens: count(refresh_tokens.await),
        sessions: count(sessions.await),
        webhook_events: count(webhook_events.await),
        pending_sign_ins: count(pending_sign_ins.await),
    };
    // Tombstones, also of the sessions just deleted, old deletions at WorkOS and old audit events are not
    // counted.
    let tombstones = in_batches(database, move |conn, limit| {
        delete_expired_tombstones(conn, now, limit)
    });
    count(tombstones.await);
    let deletions = in_batches(database, move |conn, limit| {
        delete_old_workos_deletions(conn, now, limit)
    });
    count(deletions.await);
    let events = in_batches(database, move |conn, limit| {
        delete_old_events(conn, oldest_event, limit)
    });
    count(events.await);
    match failure {
        Some(error) => Err(error),
        None => Ok(deleted),
    }
}

/// Calls [`purge`] if the job is due by the database's clock and no other replica has claimed it. Otherwise returns
/// `None`.
pub async fn purge_if_due(
    database: &Database,
    retention: &RetentionSettings,
) -> Result<Option<DeletedRows>, DbError> {
    let is_due = JOB.time_left(database).await?.is_zero();
    if is_due && JOB.claim(database, INTERVAL).await?.is_some() {
        purge(database, retention).await.map(Some)
    } else {
        Ok(None)
    }
}

/// Deletes expired rows every hour, for as long as this future is awaited.
pub async fn purge_periodically(database: &Database, retention: &RetentionSettings) {
    let mut failing = false;
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        let outcome = purge_if_due(database, retention).await;
        match &outcome {
            Ok(Some(deleted)) => log::info!(
                "deleted {} expired refresh tokens, {} expired sessions, {} pending sign-ins, {} old webhook events",
                deleted.refresh_tokens,
                deleted.sessions,
                deleted.pending_sign_ins,
                deleted.webhook_events
            ),
            Err(error) if !failing => {
                log::error!("failed to delete expired rows: {error}");
            }
            Ok(None) | Err(_) => {}
        }
        failing = outcome.is_err();
    }
}

/// Calls `delete` with a limit until it deletes fewer rows than that. Returns the total. Others can write for
/// at least half of the time.
async fn in_batches(
    database: &Database,
    delete: impl Fn(&mut Conn, i64) -> QueryResult<usize> + Copy + Send + 'static,
) -> Result<usize, DbError> {
    let mut total = 0;
    let mut limit = FIRST_BATCH;
    loop {
        let began = Instant::now();
        let (deleted, took) = database
            .write(move |conn| {
                let began = Instant::now();
                let deleted = delete(conn, limit as i64)?;
                Ok::<_, DbError>((deleted, began.elapsed()))
            })
            .await?;
        total += deleted;
        if deleted < limit {
            return Ok(total);
        }
        limit = if took > BATCH_TIME {
            limit / 2
        } else if took < BATCH_TIME / 2 {
            limit * 2
        } else {
            limit
        }
        .clamp(*BATCH_SIZES.start(), *BATCH_SIZES.end());
        tokio::time::sleep(began.elapsed().clamp(*PAUSES.start(), *PAUSES.end())).await;
    }
}
