//! The accounts whose renewals have failed. An account whose renewals fail again and again has a breaker of its own,
//! so that the failures of one account stop neither the renewals of others nor cause more requests than an outage.

use std::collections::HashMap;
use std::time::Duration;

use super::probe_schedule::ProbeSchedule;
use super::renewal::{AdmittedRenewal, RefreshTokenState};
use crate::ids::UserId;

/// After this many failures in a row the renewals of an account are sent one at a time, with pauses.
pub(super) const FAILURES: u32 = 3;
/// For how long a failure is remembered. A longer memory is not needed: an account that asks less often causes no load.
const MEMORY: Duration = Duration::from_secs(60);
/// The largest number of accounts: about 200 kB. In an outage the breaker of all accounts is open, and few accounts
/// fail.
const CAPACITY: usize = 1_000;

/// The accounts whose last renewals failed.
#[derive(Default)]
pub(super) struct FailingAccounts {
    accounts: HashMap<UserId, FailingAccount>,
}

#[derive(Default)]
struct FailingAccount {
    /// The renewals that failed since the last answer.
    failures: u32,
    failed_at: Duration,
    /// The end of the longest `Retry-After`.
    retry_at: Duration,
    /// When its renewals probe, after [`FAILURES`].
    probes: Option<ProbeSchedule>,
    /// When a probe with a fresh refresh token last failed, or when the probes began.
    fresh_failed_at: Duration,
}

/// A request for the renewal of an account.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) account: UserId,
    pub(super) token: RefreshTokenState,
    /// Whether the account has sessions whose response was lost, which are its probes.
    pub(super) has_lost_sessions: bool,
    /// When WorkOS last answered a renewal or a sign-in.
    pub(super) answered_at: Option<Duration>,
    /// In an outage of all, whether WorkOS [answers others](super::outage::Outage::has_answered_others). Then this
    /// decides alone: with a rule of its own, the account would refuse the probes that the outage leaves to it.
    pub(super) others_in_outage: Option<bool>,
}

impl FailingAccounts {
    /// Whether a renewal may be sent as far as its own account is concerned, and whether it is a probe then. Returns
    /// the time to wait otherwise.
    pub(super) fn admit(&self, asker: Asker, now: Duration) -> Result<bool, Duration> {
        let Some(failing) = self.recent(asker.account, now) else {
            return Ok(false);
        };
        if now < failing.retry_at {
            return Err(failing.retry_at - now);
        }
        let Some(probes) = &failing.probes else {
            return Ok(false);
        };
        let are_others_answered = asker
            .others_in_outage
            .unwrap_or(asker.answered_at > Some(failing.fresh_failed_at));
        let must_wait = match asker.token {
            RefreshTokenState::Fresh => asker.has_lost_sessions && !are_others_answered,
            RefreshTokenState::Repeatable => false,
            RefreshTokenState::Lost => are_others_answered,
        };
        match must_wait || probes.is_pausing(now) {
            true => Err(probes.wait(now)),
            false => Ok(true),
        }
    }

    /// Records that a probe of the account begins.
    pub(super) fn begin_probe(&mut self, account: UserId, probe: u64) {
        if let Some(probes) = self.probes(account) {
            probes.begin(probe);
        }
    }

    /// Ends this probe if it is running. Nothing was sent.
    pub(super) fn cancel_probe(&mut self, account: UserId, probe: Option<u64>) {
        if let Some(probes) = self.probes(account) {
            probes.cancel(probe);
        }
    }

    /// Records a failed renewal. `is_repeated`: an attempt of the same renewal has failed before. Returns whether the
    /// renewals of the account are probes from now on, and were none before.
    pub(super) fn record_failure(
        &mut self,
        renewal: &AdmittedRenewal,
        is_repeated: bool,
        now: Duration,
    ) -> bool {
        let failing = self.entry(renewal.account, now);
        failing.failed_at = now;
        if let Some(probes) = &mut failing.probes {
            if probes.is_running(renewal.probe) {
                probes.fail(now);
                if renewal.token == RefreshTokenState::Fresh {
                    failing.fresh_failed_at = now;
                }
            }
            return false;
        }
        failing.failures += u32::from(!is_repeated);
        let begins = failing.failures >= FAILURES;
        if begins {
            failing.probes = Some(ProbeSchedule::new(now));
            failing.fresh_failed_at = now;
        }
        begins
    }

    /// Sends no renewal of the account before this time.
    pub(super) fn postpone(&mut self, account: UserId, retry_at: Duration, now: Duration) {
        let failing = self.entry(account, now);
        failing.retry_at = failing.retry_at.max(retry_at);
    }

    /// Records that WorkOS answered a renewal of the account. It does not shorten a `Retry-After`.
    pub(super) fn record_answer(&mut self, account: UserId, now: Duration) {
        let Some(failing) = self.accounts.remove(&account) else {
            return;
        };
        if now < failing.retry_at {
            let postponed = FailingAccount {
                retry_at: failing.retry_at,
                failed_at: failing.failed_at,
                ..FailingAccount::default()
            };
            self.accounts.insert(account, postponed);
        }
    }

    /// When the last renewal of the account failed, if that is remembered.
    pub(super) fn failed_at(&self, account: UserId, now: Duration) -> Option<Duration> {
        self.recent(account, now).map(|failing| failing.failed_at)
    }

    /// Whether the renewals of the account are probes.
    pub(super) fn is_failing(&self, account: UserId, now: Duration) -> bool {
        let failing = self.recent(account, now);
        failing.is_some_and(|failing| failing.probes.is_some())
    }

    /// Whether there is an account whose renewals are probes.
    pub(super) fn is_any_failing(&self, now: Duration) -> bool {
        let mut accounts = self.accounts.values();
        accounts.any(|failing| failing.probes.is_some() && failing.is_recent(now))
    }

    /// The time before which several accounts must not ask again: the end of the second longest `Retry-After`.
    pub(super) fn shared_retry_at(&self) -> Duration {
        let (mut longest, mut second) = (Duration::ZERO, Duration::ZERO);
        for failing in self.accounts.values() {
            second = second.max(failing.retry_at.min(longest));
            longest = longest.max(failing.retry_at);
        }
        second
    }

    /// The number of accounts that are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    fn recent(&self, account: UserId, now: Duration) -> Option<&FailingAccount> {
        let failing = self.accounts.get(&account);
        failing.filter(|failing| failing.is_recent(now))
    }

    fn probes(&mut self, account: UserId) -> Option<&mut ProbeSchedule> {
        self.accounts.get_mut(&account)?.probes.as_mut()
    }

    /// The account's entry; a new one if there is none, or only a forgotten one.
    fn entry(&mut self, account: UserId, now: Duration) -> &mut FailingAccount {
        if !self.accounts.contains_key(&account) && self.accounts.len() >= CAPACITY {
            self.make_room(now);
        }
        let failing = self.accounts.entry(account).or_default();
        if !failing.is_recent(now) {
            *failing = FailingAccount::default();
            failing.failed_at = now;
        }
        failing
    }

    fn make_room(&mut self, now: Duration) {
        self.accounts.retain(|_, failing| failing.is_recent(now));
        if self.accounts.len() < CAPACITY {
            return;
        }
        let accounts = self.accounts.iter();
        let oldest = accounts.min_by_key(|(_, failing)| failing.failed_at);
        if let Some(oldest) = oldest.map(|(account, _)| *account) {
            self.accounts.remove(&oldest);
        }
    }
}

impl FailingAccount {
    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.failed_at) < MEMORY || now < self.retry_at
    }
}
