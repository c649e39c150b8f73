//! The state of an open breaker: which renewal may probe whether WorkOS answers again.

use std::collections::HashMap;
use std::time::Duration;

use super::failing_accounts::FailingAccounts;
use super::probe_schedule::{FIRST_PAUSE, ProbeSchedule, is_failure_recent};
use crate::ids::UserId;

/// An account that asked this long ago is expected to ask again: a session in use is checked again after five seconds.
const ASKED_LATELY: Duration = Duration::from_secs(6);
/// The largest number of accounts whose questions are remembered. It need not be all of them.
const ASKERS: usize = 256;

/// An outage of WorkOS.
pub(super) struct Outage {
    pub(super) since: Duration,
    pub(super) probes: ProbeSchedule,
    /// The end of a `Retry-After` that concerns all. There is no probe before, whatever WorkOS answers to sign-ins.
    not_before: Duration,
    /// When the last request failed.
    pub(super) failed_at: Duration,
    /// Whether WorkOS has answered a sign-in, or a renewal that began before the outage, and no probe with a fresh
    /// refresh token has failed since. Then a renewal that fails again and again may fail for a reason of its own,
    /// and must not keep the others from probing.
    pub(super) has_answered_others: bool,
    /// The accounts that may probe, and when they last asked for it.
    asked: HashMap<UserId, Duration>,
}

impl Outage {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            since: now,
            probes: ProbeSchedule::new(now),
            not_before: Duration::ZERO,
            failed_at: now,
            has_answered_others: false,
            asked: HashMap::new(),
        }
    }

    /// Whether a request failed a short time ago.
    pub(super) fn is_recent(&self, now: Duration) -> bool {
        is_failure_recent(self.failed_at, now)
    }

    /// There is no probe before this time.
    pub(super) fn postpone_until(&mut self, time: Duration) {
        self.not_before = self.not_before.max(time);
        self.probes.postpone_until(self.not_before);
    }

    /// Records an answer to a request that is no probe. Returns whether it ends the outage.
    pub(super) fn record_other_answer(&mut self, now: Duration) -> bool {
        if !self.is_recent(now) && now >= self.not_before {
            return true;
        }
        self.has_answered_others = true;
        let soon = (self.failed_at + FIRST_PAUSE).max(self.not_before);
        self.probes.bring_forward_to(soon.max(now));
        false
    }

    /// Remembers that this account asks for the probe. Returns whether it is its turn: among those that asked lately
    /// the account whose last failure is the oldest comes first, so that none takes every probe.
    pub(super) fn take_turn(
        &mut self,
        account: UserId,
        failing: &FailingAccounts,
        now: Duration,
    ) -> bool {
        let is_late = |at: &Duration| now.saturating_sub(*at) >= ASKED_LATELY;
        if self.asked.len() >= ASKERS {
            self.asked.retain(|_, at| !is_late(at));
        }
        if self.asked.len() < ASKERS || self.asked.contains_key(&account) {
            self.asked.insert(account, now);
        }
        let Some(failed_at) = failing.failed_at(account, now) else {
            return true;
        };
        let mut others = self.asked.iter().filter(|(_, at)| !is_late(at));
        !others.any(|(other, _)| failing.failed_at(*other, now) < Some(failed_at))
    }
}
