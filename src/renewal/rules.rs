//! When a session is renewed, and what holds while it cannot be: the decisions, without a database,
//! a network or a clock.

use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::sessions::SessionRow;

/// How long one request may keep the others from asking WorkOS. It outlives everything that its holder
/// waits for, and is over well within the half minute in which WorkOS gives a lost answer again.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(20);
/// A session that WorkOS knows nothing of has its account looked at so often.
pub const LOCAL: TimeDelta = TimeDelta::minutes(5);
/// Renewing begins so long before WorkOS's word ends, or in the last fifth of it where that is less:
/// until then, whoever does not renew goes on without waiting.
const AHEAD: TimeDelta = TimeDelta::minutes(1);
/// WorkOS's word counts so long at least. Where clocks differ it may seem to be over already, and every
/// request would renew.
const SHORTEST_WORD: TimeDelta = TimeDelta::seconds(10);
/// And so long where it does not say: WorkOS's default.
const USUAL_WORD: TimeDelta = TimeDelta::minutes(5);
/// The first pause after a failure; it doubles with each further one.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(2);
/// The longest, so that an outage's end is noticed.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(30);
/// And the longest after an answer that was lost: WorkOS gives it again for half a minute only, of which
/// the tries that brought nothing may have taken ten seconds.
const LONGEST_LOST: TimeDelta = TimeDelta::seconds(8);
/// The longest that WorkOS's `Retry-After` is obeyed; more is a mistake.
const LONGEST_ASKED: TimeDelta = TimeDelta::hours(1);

/// What a request whose cookie wants to be looked at does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on, and the cookie says when to look again.
    GoOn {
        /// From when on.
        look_again: Timestamp,
    },
    /// It takes the lease and asks WorkOS.
    Renew,
    /// Somebody else is asking.
    Wait,
    /// WorkOS has not been reached for too long; it is asked again at this time.
    Outage {
        /// From when on.
        until: Timestamp,
    },
}

/// From when on a word that was given at `since` and holds until `until` is asked for anew.
pub fn due(until: Timestamp, since: Timestamp) -> Timestamp {
    let life = (until.utc() - since.utc()).max(TimeDelta::zero());
    until.plus(-(life / 5).min(AHEAD))
}

/// Until when WorkOS's word counts that was given `now` and ends at `expires_at`.
pub fn confirmed_until(expires_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match expires_at {
        Some(end) => end.max(now.plus(SHORTEST_WORD)),
        None => now.plus(USUAL_WORD),
    }
}

/// What to do at `now` for an open session.
pub(super) fn step(row: &SessionRow, now: Timestamp, grace: TimeDelta) -> Step {
    if row.workos_refresh_token.is_none() {
        let look_again = now.plus(LOCAL);
        return Step::GoOn { look_again };
    }
    let asked_from = asked_from(row);
    if now < asked_from {
        let served_until = served_until(row, grace);
        return match now < served_until {
            // However long WorkOS wants to be left in peace.
            true => Step::GoOn {
                look_again: asked_from.min(served_until),
            },
            false => Step::Outage { until: asked_from },
        };
    }
    match row.renewing_until {
        Some(lease) if now < lease => Step::Wait,
        _ => Step::Renew,
    }
}

/// Whether the session is served as it is: WorkOS's word for it holds, or WorkOS cannot be reached
/// and the grace is not over.
pub(super) fn holds(row: &SessionRow, now: Timestamp, grace: TimeDelta) -> bool {
    now < served_until(row, grace)
}

fn served_until(row: &SessionRow, grace: TimeDelta) -> Timestamp {
    let grace = match row.renewal_failures {
        0 => TimeDelta::zero(),
        _ => grace,
    };
    word(row).plus(grace)
}

/// How long WorkOS is left in peace after so many failures in a row, the last of which may have `lost` an
/// answer. `jitter`, from 0 to 1, keeps the sessions apart; what WorkOS `asked` for is not cut short.
pub(super) fn pause(failures: i32, asked: Option<Duration>, lost: bool, jitter: f64) -> TimeDelta {
    let doublings = failures.clamp(1, 16) - 1;
    let longest = if lost { LONGEST_LOST } else { LONGEST_PAUSE };
    let longest = (FIRST_PAUSE * (1 << doublings)).min(longest);
    let half = longest / 2;
    let random = TimeDelta::milliseconds((half.num_milliseconds() as f64 * jitter) as i64);
    let asked = asked.filter(|_| !lost);
    let asked = asked.map(|wait| TimeDelta::from_std(wait).unwrap_or(LONGEST_ASKED));
    let asked = asked.map_or(TimeDelta::zero(), |wait| wait.min(LONGEST_ASKED) + random);
    (half + random).max(asked)
}

/// Whether the answer names another session of WorkOS's than the row's. A session keeps its `sid` for as
/// long as it lives; WorkOS's own emulator gives it a new one at each renewal.
pub(super) fn is_another(row: &SessionRow, sid: Option<&str>, emulated: bool) -> bool {
    let known = row.workos_sid.as_deref();
    let differ = known.zip(sid).is_some_and(|(known, sid)| known != sid);
    differ && !emulated
}

/// From when on WorkOS is asked.
fn asked_from(row: &SessionRow) -> Timestamp {
    let first = || due(word(row), row.created_at);
    row.renew_after.unwrap_or_else(first)
}

/// The end of WorkOS's word.
fn word(row: &SessionRow) -> Timestamp {
    row.confirmed_until.unwrap_or(row.created_at)
}

#[cfg(test)]
mod tests;
