//! The rules of renewal: when a session is renewed, and how long it stays valid without. They use no
//! database, network or clock.
//!
//! WorkOS confirms a session with an access token, until that token expires.

use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::ids::WorkosSid;
use crate::sessions::SessionRow;

/// The duration of the renewal lease. While it is held, no other request renews the session. A
/// lease outlives every call that its holder makes, and ends well within the half minute in which
/// WorkOS repeats a lost response.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(20);
/// How often the row is read while another process renews the session.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long WorkOS repeats the response to a refresh token that it has consumed.
pub(super) const REPLAY_WINDOW: TimeDelta = TimeDelta::seconds(30);
/// How long a request waits for WorkOS if its session is valid without a renewal, or would be in an outage.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How often the account of a session that began with a local password is checked.
pub const LOCAL_CHECK_INTERVAL: TimeDelta = TimeDelta::minutes(5);
/// A renewal begins this long before the confirmation ends, or in the last fifth of a shorter one. In
/// that time requests that do not renew the session themselves need not wait.
const RENEWAL_WINDOW: TimeDelta = TimeDelta::minutes(1);
/// The shortest confirmation. With different clocks an access token may seem to have expired already,
/// and every request would renew the session.
pub(super) const SHORTEST_CONFIRMATION: TimeDelta = TimeDelta::seconds(10);
/// The confirmation of an access token without an expiry time: WorkOS's default.
const DEFAULT_CONFIRMATION: TimeDelta = TimeDelta::minutes(5);
/// The back-off after the first failure. It doubles with each further one.
const FIRST_BACK_OFF: TimeDelta = TimeDelta::seconds(2);
/// The longest back-off. WorkOS repeats a lost response for only half a minute, of which the failed attempts
/// may have taken ten seconds. The circuit breaker limits the requests of all sessions together.
const LONGEST_BACK_OFF: TimeDelta = TimeDelta::seconds(8);
/// For how long a session is not checked again while WorkOS is failing.
const OUTAGE_CHECK_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// What to do with an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RenewalDecision {
    /// The session is valid.
    Continue {
        /// When to check it again.
        check_again_at: Timestamp,
    },
    /// Take the lease and ask WorkOS.
    Renew,
    /// Another request is asking WorkOS.
    Wait,
    /// WorkOS could not be reached for longer than the grace period.
    Unavailable {
        /// WorkOS is not asked again before this time.
        until: Timestamp,
    },
}

/// When a session is renewed that was confirmed at `since` until `until`.
pub fn renew_after(until: Timestamp, since: Timestamp) -> Timestamp {
    let length = (until.utc() - since.utc()).max(TimeDelta::zero());
    until.plus(-(length / 5).min(RENEWAL_WINDOW))
}

/// How long an access token received at `now` confirms a session.
pub fn confirmed_until(expires_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match expires_at {
        Some(end) => end.max(now.plus(SHORTEST_CONFIRMATION)),
        None => now.plus(DEFAULT_CONFIRMATION),
    }
}

/// Decides what to do at `now` with an open session.
pub(super) fn decide(row: &SessionRow, now: Timestamp, grace: TimeDelta) -> RenewalDecision {
    if row.workos_refresh_token.is_none() {
        let check_again_at = now.plus(LOCAL_CHECK_INTERVAL);
        return RenewalDecision::Continue { check_again_at };
    }
    let due_at = due_at(row);
    if now < due_at && !is_from_future(row, now) {
        let valid_until = valid_until(row, grace);
        return match now < valid_until {
            true => RenewalDecision::Continue {
                check_again_at: due_at.min(valid_until),
            },
            false => RenewalDecision::Unavailable { until: due_at },
        };
    }
    match row.renewing_until {
        Some(lease) if now < lease && !lease.plus(-LEASE).is_from_future(now) => {
            RenewalDecision::Wait
        }
        _ => RenewalDecision::Renew,
    }
}

/// What to do at `now` with a session that is due while WorkOS is failing. `retry_in`: WorkOS is not asked before.
pub(super) fn decide_in_outage(
    row: &SessionRow,
    now: Timestamp,
    grace: TimeDelta,
    retry_in: Duration,
) -> RenewalDecision {
    let grace_end = grace_end(row, grace);
    match now < grace_end {
        true => RenewalDecision::Continue {
            check_again_at: now.plus(OUTAGE_CHECK_INTERVAL).min(grace_end),
        },
        false => RenewalDecision::Unavailable {
            until: now.plus(TimeDelta::from_std(retry_in).unwrap_or(LONGEST_BACK_OFF)),
        },
    }
}

/// Whether the session was confirmed while this program's clock was ahead, so that its renewal is due too late.
/// WorkOS's access token had expired by that clock, and counted for [`SHORTEST_CONFIRMATION`] from then on.
pub(super) fn is_from_future(row: &SessionRow, now: Timestamp) -> bool {
    let end = confirmation_end(row);
    end.plus(-SHORTEST_CONFIRMATION).is_from_future(now) && is_shortest(row, end)
}

/// Whether the confirmation that ends at `end` lasted for [`SHORTEST_CONFIRMATION`].
fn is_shortest(row: &SessionRow, end: Timestamp) -> bool {
    let began = end.plus(-SHORTEST_CONFIRMATION);
    match row.renew_after {
        Some(due_at) => due_at == renew_after(end, began),
        None => row.created_at == began,
    }
}

/// Whether the session is valid without a renewal: its confirmation has not ended, or WorkOS cannot be
/// reached and the grace period has not ended.
pub(super) fn is_valid(row: &SessionRow, now: Timestamp, grace: TimeDelta) -> bool {
    now < valid_until(row, grace)
}

/// Whether the session is valid if WorkOS cannot be reached.
pub(super) fn is_in_grace(row: &SessionRow, now: Timestamp, grace: TimeDelta) -> bool {
    now < grace_end(row, grace)
}

fn valid_until(row: &SessionRow, grace: TimeDelta) -> Timestamp {
    match row.renewal_failures {
        0 => confirmation_end(row),
        _ => grace_end(row, grace),
    }
}

fn grace_end(row: &SessionRow, grace: TimeDelta) -> Timestamp {
    confirmation_end(row).plus(grace)
}

/// The back-off after so many failures in a row. `jitter`, from 0 to 1, spreads the sessions.
pub(super) fn back_off(failures: i32, jitter: f64) -> TimeDelta {
    let doublings = failures.clamp(1, 16) - 1;
    let longest = (FIRST_BACK_OFF * (1 << doublings)).min(LONGEST_BACK_OFF);
    let half = longest / 2;
    half + TimeDelta::milliseconds((half.num_milliseconds() as f64 * jitter) as i64)
}

/// Whether WorkOS's response names another session than the row. A session keeps its `sid` for as long
/// as it lives, except at WorkOS's own emulator, which gives it a new one at each renewal.
pub(super) fn is_other_session(
    row: &SessionRow,
    sid: Option<&WorkosSid>,
    is_emulated: bool,
) -> bool {
    let known = row.workos_sid.as_ref();
    let differs = known.zip(sid).is_some_and(|(known, sid)| known != sid);
    differs && !is_emulated
}

/// When a lease with this end was taken.
pub(super) fn lease_start(end: Timestamp) -> Timestamp {
    end.plus(-LEASE)
}

/// The time from `now` until `then`, or zero if `then` is in the past.
pub(super) fn duration_until(then: Timestamp, now: Timestamp) -> Duration {
    (then.utc() - now.utc()).to_std().unwrap_or_default()
}

/// When the session is renewed next.
fn due_at(row: &SessionRow) -> Timestamp {
    let first = || renew_after(confirmation_end(row), row.created_at);
    row.renew_after.unwrap_or_else(first)
}

fn confirmation_end(row: &SessionRow) -> Timestamp {
    row.confirmed_until.unwrap_or(row.created_at)
}

#[cfg(test)]
mod tests;
