//! Ends what a restored backup must not bring back: everything that was issued after the backup, and everything
//! in it that may have ended since and that nothing can confirm.
//!
//! The steps are transactions of their own with pauses, so that servers can write meanwhile. Until the last one the
//! database counts as restored, so an interruption is noticed. Repeating them does no harm.

use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::accounts::{end_everything_of, random_version_step};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::database_epoch::{DatabaseEpoch, RestoreMark};
use crate::db::schema::{
    audit_events, database_epoch, pending_sign_ins, refresh_tokens, sessions, users,
};
use crate::db::{Conn, Database, DbError, bump_sequence, database_now};
use crate::ids::{SessionId, UserId};
use crate::random::{RandomnessError, random_number};
use crate::sessions::SessionRow;
use crate::workos::ClientDevice;

/// How many rows one transaction changes.
const BATCH: i64 = 200;
/// The shortest and the longest pause between two transactions, in which servers can write.
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(2)..=Duration::from_secs(1);
/// How far the clock of the command may be ahead. Which rows are later than the backup is never decided by a clock: the
/// one that wrote them may have been wrong, or this one.
const CLOCK_ERROR: TimeDelta = TimeDelta::days(1);
/// By how much ids are raised. So many accounts may have been created after the backup.
const ID_STEP: i64 = 1_000_000;

/// What [`end_what_was_restored`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// Up to when the data of the backup go.
    pub data_until: Timestamp,
    /// Accounts, whose tokens have all ended.
    pub accounts: usize,
    /// Refresh tokens that were valid in the backup, and have ended.
    pub ended_tokens: usize,
    /// Sessions that were open in the backup, and have ended.
    pub ended_sessions: usize,
    /// Sessions that were open in the backup, and go on if WorkOS confirms them.
    pub unconfirmed_sessions: usize,
    /// Sign-ins that waited for a further step, and have ended.
    pub ended_sign_ins: usize,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The system's random number generator.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

/// Ends what was issued after the backup that this database was restored from, raises ids, and ends what was open
/// in the backup unless WorkOS can confirm it. Servers may be running: a sign-in meanwhile may have to be repeated.
pub fn end_what_was_restored(
    database: &Database,
    mark: &mut RestoreMark,
    now: Timestamp,
) -> Result<RestoreReport, RestoreError> {
    let (epoch, step) = (random_number()?, random_version_step()?);
    // First of all, so that every cookie is compared with its row from now on.
    let (data_until, ended_sign_ins) = database.write_blocking(|conn| begin(conn, epoch, now))?;
    let [accounts] = in_batches(database, UserId::default(), |conn, after| {
        end_tokens_of_accounts(conn, after, step, now)
    })?;
    let [ended_tokens] = in_batches(database, String::new(), |conn, after| {
        end_refresh_tokens(conn, after, now)
    })?;
    let sessions = in_batches(database, SessionId::from(""), |conn, after| {
        end_or_doubt_sessions(conn, after, now)
    })?;
    let [ended_sessions, unconfirmed_sessions] = sessions;
    let report = RestoreReport {
        data_until,
        accounts,
        ended_tokens,
        ended_sessions,
        unconfirmed_sessions,
        ended_sign_ins,
    };
    let latest = mark.latest();
    let heartbeat = database.write_blocking(|conn| finish(conn, &report, latest, now))?;
    mark.write(heartbeat);
    Ok(report)
}

/// Begins a new epoch, notes that a backup was restored, raises ids, and deletes the pending sign-ins.
fn begin(conn: &mut Conn, epoch: i64, now: Timestamp) -> Result<(Timestamp, usize), DbError> {
    let before = DatabaseEpoch::read_locked(conn)?;
    let until = before.restore_noticed_at.unwrap_or(before.heartbeat_at);
    diesel::update(database_epoch::table)
        .set((
            database_epoch::epoch.eq(epoch),
            database_epoch::restore_noticed_at.eq(until),
        ))
        .execute(conn)?;
    let last_user: Option<UserId> = users::table
        .select(diesel::dsl::max(users::id))
        .first(conn)?;
    let last_user = last_user.map_or(0, i64::from);
    bump_sequence(conn, "users", last_user.saturating_add(ID_STEP))?;
    let last_event: Option<i64> = audit_events::table
        .select(diesel::dsl::max(audit_events::id))
        .first(conn)?;
    let last_event = last_event.unwrap_or_default();
    bump_sequence(conn, "audit_events", last_event.saturating_add(ID_STEP))?;
    let waiting = pending_sign_ins::table.filter(pending_sign_ins::expires_at.gt(now));
    let ended = diesel::delete(waiting).execute(conn)?;
    Ok((until, ended))
}

/// The heartbeat is at least as late as the mark, which would otherwise say that the database was restored.
fn finish(
    conn: &mut Conn,
    report: &RestoreReport,
    mark: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, DbError> {
    let event = AuditEvent::DatabaseRestored {
        data_until: report.data_until,
        ended_sessions: report.ended_sessions,
        ended_tokens: report.ended_tokens,
    };
    event.record(conn, &ClientDevice::default(), now)?;
    let before = DatabaseEpoch::read_locked(conn)?;
    let heartbeat = mark.max(Some(database_now(conn)?));
    let heartbeat = heartbeat.max(Some(before.heartbeat_at));
    let heartbeat = heartbeat.unwrap_or(Timestamp::FAR_AWAY);
    diesel::update(database_epoch::table)
        .set((
            database_epoch::heartbeat_at.eq(heartbeat),
            database_epoch::restore_noticed_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(heartbeat)
}

/// A batch: how many rows of each kind it changed, and the key of the last row that it looked at; `None` at the end.
type Batch<K, const N: usize = 1> = ([usize; N], Option<K>);

/// Calls `change` with the key after which the batch begins, until it looks at no row. Returns the totals. Others can
/// write for at least half of the time.
fn in_batches<K, const N: usize>(
    database: &Database,
    first: K,
    change: impl Fn(&mut Conn, &K) -> QueryResult<Batch<K, N>>,
) -> Result<[usize; N], DbError> {
    let (mut totals, mut after) = ([0; N], Some(first));
    while let Some(key) = after {
        let began = Instant::now();
        let (changed, next) =
            database.write_blocking(|conn| change(conn, &key).map_err(DbError::from))?;
        for (total, changed) in totals.iter_mut().zip(changed) {
            *total += changed;
        }
        after = next;
        if after.is_some() {
            thread::sleep(began.elapsed().clamp(*PAUSES.start(), *PAUSES.end()));
        }
    }
    Ok(totals)
}

fn end_tokens_of_accounts(
    conn: &mut Conn,
    after: &UserId,
    step: i64,
    now: Timestamp,
) -> QueryResult<Batch<UserId>> {
    let ids: Vec<UserId> = users::table
        .filter(users::id.gt(after))
        .order(users::id)
        .limit(BATCH)
        .select(users::id)
        .load(conn)?;
    let changed = end_everything_of(conn, &ids, step, now)?;
    Ok(([changed], ids.last().copied()))
}

fn end_refresh_tokens(
    conn: &mut Conn,
    after: &String,
    now: Timestamp,
) -> QueryResult<Batch<String>> {
    let ids: Vec<String> = refresh_tokens::table
        .filter(refresh_tokens::jti.gt(after))
        .filter(refresh_tokens::revoked_at.is_null())
        .order(refresh_tokens::jti)
        .limit(BATCH)
        .select(refresh_tokens::jti)
        .load(conn)?;
    let valid = refresh_tokens::table
        .filter(refresh_tokens::jti.eq_any(&ids))
        .filter(refresh_tokens::consumed_at.is_null())
        .filter(refresh_tokens::expires_at.gt(now));
    let valid: i64 = valid.count().get_result(conn)?;
    diesel::update(refresh_tokens::table.filter(refresh_tokens::jti.eq_any(&ids)))
        .set((
            refresh_tokens::revoked_at.eq(now),
            refresh_tokens::successor.eq(None::<Vec<u8>>),
        ))
        .execute(conn)?;
    Ok((
        [usize::try_from(valid).unwrap_or_default()],
        ids.last().cloned(),
    ))
}

/// Ends the sessions of a batch that WorkOS cannot confirm. Takes the confirmation from the other ones, as if it had
/// ended long ago: no grace period is left, because the session may have ended after the backup. Returns the numbers
/// of both, and the last session.
fn end_or_doubt_sessions(
    conn: &mut Conn,
    after: &SessionId,
    now: Timestamp,
) -> QueryResult<Batch<SessionId, 2>> {
    let open: Vec<(SessionId, bool)> = sessions::table
        .filter(sessions::id.gt(after))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now.plus(-CLOCK_ERROR)))
        .order(sessions::id)
        .limit(BATCH)
        .select((sessions::id, sessions::workos_refresh_token.is_not_null()))
        .load(conn)?;
    let last = open.last().map(|(id, _)| id.clone());
    let (doubted, ended): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|(_, can_confirm)| *can_confirm);
    for (id, _) in &ended {
        SessionRow::revoke(conn, id, now)?;
    }
    let doubted: Vec<_> = doubted.into_iter().map(|(id, _)| id).collect();
    let doubted = sessions::table.filter(sessions::id.eq_any(doubted));
    let long_ago = now.plus(-TimeDelta::days(365));
    let unconfirmed = diesel::update(doubted)
        .set((
            sessions::confirmed_until.eq(long_ago),
            sessions::renew_after.eq(long_ago),
            sessions::renewing_until.eq(None::<Timestamp>),
            sessions::renewal_failures.eq(0),
            sessions::refresh_token_sent_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(([ended.len(), unconfirmed], last))
}
