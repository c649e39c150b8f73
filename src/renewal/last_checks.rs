//! What the last check of a session found, in memory until the next one is due. A proxy that does not pass renewed
//! cookies on, or a browser that lost one, sends an old cookie with each request, and would read the row for each.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::status::RenewedSession;
use crate::clock::Timestamp;
use crate::sessions::{RevocationCache, SessionFingerprint, SessionState, fingerprint};

/// Sessions; others are checked at each request with an old cookie.
const CAPACITY: usize = 10_000;

/// The latest check of each session.
pub(super) struct LastChecks {
    checks: Cache<SessionFingerprint, Arc<LastCheck>>,
}

struct LastCheck {
    /// The database's epoch before the check.
    epoch: i64,
    at: Timestamp,
    found: Arc<RenewedSession>,
}

impl Default for LastChecks {
    fn default() -> Self {
        Self {
            checks: Cache::new(CAPACITY),
        }
    }
}

impl LastChecks {
    /// What the last check of a cookie's session found, unless another one is due or the session has changed since.
    pub(super) fn find(
        &self,
        state: &SessionState,
        epoch: i64,
        revocations: &RevocationCache,
        now: Timestamp,
    ) -> Option<Arc<RenewedSession>> {
        let last = self.checks.get(&fingerprint(&state.session_id))?;
        let generation = state
            .generation
            .max(revocations.generation(&state.session_id));
        let is_current = last.epoch == epoch && last.found.generation >= generation;
        // If the clock was set back, the times of the check are wrong.
        let is_valid = last.at <= now && now < last.found.renew_after;
        (is_current && is_valid).then(|| Arc::clone(&last.found))
    }

    /// Keeps what a check of the session at `at` has found.
    pub(super) fn insert(
        &self,
        state: &SessionState,
        epoch: i64,
        at: Timestamp,
        found: Arc<RenewedSession>,
    ) {
        let last = LastCheck { epoch, at, found };
        let session = fingerprint(&state.session_id);
        self.checks.insert(session, Arc::new(last));
    }
}
