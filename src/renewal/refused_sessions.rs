//! Sessions whose renewal is refused by something that is not WorkOS, such as a firewall before it.
//!
//! If that happens to everybody, it is an outage, and sessions are served for `SESSION_STALE_GRACE`. If WorkOS answers
//! the renewals of others meanwhile, it may have revoked this session, so that it is served for a short time only.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::Mutex;

use crate::ids::{SessionId, UserId};
use crate::sessions::SessionRow;
use crate::workos::{WorkosClient, WorkosError};

/// The grace period of a session that is refused alone.
const SHORT_GRACE: TimeDelta = TimeDelta::minutes(1);
/// A refusal of another account this long ago still counts as one at the same time.
const LATELY: Duration = Duration::from_secs(60);
/// The largest number of sessions: about 200 kB. If more are refused, it is an outage.
const CAPACITY: usize = 1_000;

/// The sessions whose last renewal was refused like that. Times are those of [`Clock::elapsed`](crate::clock::Clock).
#[derive(Default)]
pub(super) struct RefusedSessions {
    sessions: Mutex<HashMap<SessionId, RefusedSession>>,
}

struct RefusedSession {
    account: UserId,
    /// When the first of these refusals was received.
    since: Duration,
    last: Duration,
}

impl RefusedSessions {
    /// Records a failed renewal.
    pub(super) fn record_failure(&self, row: &SessionRow, error: &WorkosError, now: Duration) {
        let mut sessions = self.sessions.lock();
        if !error.is_foreign() {
            sessions.remove(&row.id);
            return;
        }
        if !sessions.contains_key(&row.id) && sessions.len() >= CAPACITY {
            let oldest = sessions.iter().min_by_key(|(_, refused)| refused.last);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&id);
            }
        }
        let new = || RefusedSession {
            account: row.user_id,
            since: now,
            last: now,
        };
        sessions.entry(row.id.clone()).or_insert_with(new).last = now;
    }

    /// Records that WorkOS has answered a renewal of this session.
    pub(super) fn forget(&self, id: &SessionId) {
        self.sessions.lock().remove(id);
    }

    /// How long a session of this account is served after its confirmation has ended: for `stale_grace`, unless a
    /// session of the account is refused while WorkOS renews those of others. All sessions of the account count,
    /// because they wait for each other's renewals.
    pub(super) fn grace(
        &self,
        account: UserId,
        workos: &WorkosClient,
        stale_grace: TimeDelta,
        now: Duration,
    ) -> TimeDelta {
        let since = self.refused_alone_since(account, now);
        match since.is_some_and(|since| workos.has_renewed_since(since)) {
            true => stale_grace.min(SHORT_GRACE),
            false => stale_grace,
        }
    }

    /// Since when a session of this account has been refused, if no other account has been refused lately.
    fn refused_alone_since(&self, account: UserId, now: Duration) -> Option<Duration> {
        let sessions = self.sessions.lock();
        let is_late = |refused: &RefusedSession| now.saturating_sub(refused.last) >= LATELY;
        let mut others = sessions.values().filter(|one| one.account != account);
        if others.any(|other| !is_late(other)) {
            return None;
        }
        let own = sessions.values().filter(|one| one.account == account);
        own.map(|refused| refused.since).min()
    }
}
