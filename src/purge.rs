//! What has ended by itself goes: by `vestibule flushexpiredtokens`, and once an hour by itself, in
//! one replica at a time.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::accounts::delete_old_workos_deletions;
use crate::clock::{Clock, Timestamp};
use crate::db::schema::jobs;
use crate::db::{Conn, Database, DbError};
use crate::sessions::{SessionRow, delete_expired_tombstones};
use crate::sign_in::PendingSignInRow;
use crate::tokens::RefreshTokenRow;
use crate::webhooks;

/// Rows of one transaction: SQLite's one writer is free again after milliseconds.
const BATCH: usize = 1_000;
/// The name of the row in `jobs`.
const JOB: &str = "flushexpiredtokens";
/// How often the rows go.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// How often a replica looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How many rows went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Of `refresh_tokens`.
    pub refresh_tokens: usize,
    /// Of `sessions`.
    pub sessions: usize,
    /// Of `webhook_events`.
    pub webhook_events: usize,
    /// Of `unfinished_sign_ins`.
    pub unfinished_sign_ins: usize,
}

/// Deletes what has ended by `now`, and the pairs that waited for a replay. A session that was ended
/// early stays for as long as an access token lives, and a day at least: somebody may have shortened
/// that life since.
pub async fn purge(
    database: &Database,
    access_lifetime: TimeDelta,
    now: Timestamp,
) -> Result<Purged, DbError> {
    let outlived_by = access_lifetime.max(TimeDelta::days(1));
    in_batches(database, move |conn, most| {
        RefreshTokenRow::delete_expired_successors(conn, now, most)
    })
    .await?;
    let purged = Purged {
        refresh_tokens: in_batches(database, move |conn, most| {
            RefreshTokenRow::delete_expired(conn, now, most)
        })
        .await?,
        sessions: in_batches(database, move |conn, most| {
            SessionRow::delete_expired(conn, now, outlived_by, most)
        })
        .await?,
        webhook_events: in_batches(database, move |conn, most| {
            webhooks::delete_expired(conn, now, most)
        })
        .await?,
        unfinished_sign_ins: in_batches(database, move |conn, most| {
            PendingSignInRow::delete_expired(conn, now, most)
        })
        .await?,
    };
    // Tombstones, also of the sessions just deleted, and old deletions at WorkOS are not counted.
    in_batches(database, move |conn, most| {
        delete_expired_tombstones(conn, now, most)
    })
    .await?;
    in_batches(database, move |conn, most| {
        delete_old_workos_deletions(conn, now, most)
    })
    .await?;
    Ok(purged)
}

/// [`purge`], where an hour has passed and no other replica was quicker; else `None`.
pub async fn purge_if_due(
    database: &Database,
    access_lifetime: TimeDelta,
    now: Timestamp,
) -> Result<Option<Purged>, DbError> {
    if is_due(database, now).await? && take_turn(database, now).await? {
        purge(database, access_lifetime, now).await.map(Some)
    } else {
        Ok(None)
    }
}

/// Purges every hour, for as long as it is awaited.
pub async fn keep_purging(database: &Database, access_lifetime: TimeDelta, clock: &Clock) {
    let mut failing = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let outcome = purge_if_due(database, access_lifetime, clock.now()).await;
        match &outcome {
            Ok(Some(gone)) => log::info!(
                "purged {} expired refresh tokens, {} expired sessions, {} unfinished sign-ins, {} old webhook events",
                gone.refresh_tokens,
                gone.sessions,
                gone.unfinished_sign_ins,
                gone.webhook_events
            ),
            Err(error) if !failing => {
                log::error!("expired tokens and sessions cannot be purged: {error}");
            }
            Ok(None) | Err(_) => {}
        }
        failing = outcome.is_err();
    }
}

/// A look at the row, beside SQLite's writer.
async fn is_due(database: &Database, now: Timestamp) -> Result<bool, DbError> {
    let due_at: Timestamp = database
        .read(|conn| {
            let row = jobs::table.find(JOB).select(jobs::due_at);
            row.first(conn).map_err(DbError::from)
        })
        .await?;
    Ok(due_at <= now || is_mistaken(due_at, now))
}

/// No turn sets it so far ahead, but on a clock that was wrong.
fn is_mistaken(due_at: Timestamp, now: Timestamp) -> bool {
    due_at > now.plus(EVERY)
}

/// In one statement, so that of several replicas one gets the turn.
async fn take_turn(database: &Database, now: Timestamp) -> Result<bool, DbError> {
    database
        .write(move |conn| {
            let due = jobs::due_at.le(now).or(jobs::due_at.gt(now.plus(EVERY)));
            let due = diesel::update(jobs::table.find(JOB)).filter(due);
            let moved = due.set(jobs::due_at.eq(now.plus(EVERY))).execute(conn)?;
            Ok(moved > 0)
        })
        .await
}

/// `work` says of how many rows it was, which it had been told how many at most.
async fn in_batches(
    database: &Database,
    work: impl Fn(&mut Conn, i64) -> QueryResult<usize> + Copy + Send + 'static,
) -> Result<usize, DbError> {
    let mut all = 0;
    loop {
        let gone = database
            .write(move |conn| work(conn, BATCH as i64).map_err(DbError::from))
            .await?;
        all += gone;
        if gone < BATCH {
            return Ok(all);
        }
    }
}
