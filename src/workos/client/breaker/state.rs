//! The state of the circuit breaker, and its rules.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::failing_accounts::{Asker, FAILURES, FailingAccounts};
use super::outage::Outage;
use super::probe_schedule::is_failure_recent;
use super::renewal::{AdmittedRenewal, FailedRequest, RefreshTokenState};
use crate::ids::UserId;

/// The breaker opens when renewals of this many accounts have failed in a row within [`FAILURE_WINDOW`].
const FAILING_ACCOUNTS: usize = 2;
const FAILURE_WINDOW: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is respected. After a longer one WorkOS gets one probe in this time, not one
/// request of each session, and its end is noticed within seconds.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);
/// How many renewals run at once at first, or after a failure: so many answers can be lost before the first
/// failure is known. The limit rises by one with each answer while it is reached, as in TCP's slow start. One account
/// leaves a place to others. It is larger than [`FAILURES`], so that a failing account does so too.
const FIRST_LIMIT: usize = 4;
/// The largest number of renewals that run at once.
const LARGEST_LIMIT: usize = 64;

/// What the breaker knows of renewals and sign-ins. Times are those of [`Clock::elapsed`](crate::clock::Clock::elapsed).
pub(super) struct BreakerState {
    /// The renewals that failed since the last answer: their accounts, and when. At most [`FAILURES`] of an account.
    failures: VecDeque<(UserId, Duration)>,
    pub(super) accounts: FailingAccounts,
    /// The number of renewals that are running.
    running: usize,
    /// The same for each account that has some.
    running_of: HashMap<UserId, usize>,
    /// How many may run at once.
    limit: usize,
    pub(super) outage: Option<Outage>,
    /// The accounts with sessions whose response was lost, which the server uses as probes by itself: the refresh token
    /// of another one is not risked then.
    pub(super) lost: HashSet<UserId>,
    /// Incremented with each probe.
    last_probe: u64,
    /// When WorkOS last answered a renewal or a sign-in.
    answered_at: Option<Duration>,
    /// When WorkOS last answered a renewal.
    pub(super) renewal_answered_at: Option<Duration>,
}

/// Whether a renewal may be sent.
pub(super) enum Admission {
    /// As many as allowed are running.
    Full,
    /// There is a place, but this account leaves it to others.
    LeftToOthers,
    /// WorkOS is failing. Ask again after this time.
    Refused(Duration),
    Admitted(AdmittedRenewal),
}

impl Default for BreakerState {
    fn default() -> Self {
        Self {
            failures: VecDeque::new(),
            accounts: FailingAccounts::default(),
            running: 0,
            running_of: HashMap::new(),
            limit: FIRST_LIMIT,
            outage: None,
            lost: HashSet::new(),
            last_probe: 0,
            answered_at: None,
            renewal_answered_at: None,
        }
    }
}

impl BreakerState {
    /// Whether a renewal may be sent. If it may, it counts as running.
    pub(super) fn admit(
        &mut self,
        account: UserId,
        token: RefreshTokenState,
        now: Duration,
    ) -> Admission {
        let asker = Asker {
            account,
            token,
            has_lost_sessions: self.lost.contains(&account),
            answered_at: self.answered_at,
            others_in_outage: self.outage.as_ref().map(|it| it.has_answered_others),
        };
        let is_probe_of_account = match self.accounts.admit(asker, now) {
            Ok(is_probe) => is_probe,
            Err(wait) => return Admission::Refused(wait),
        };
        let probe = self.last_probe + 1;
        let failed_at = self.accounts.failed_at(account, now);
        let mut is_likely_to_fail =
            is_probe_of_account && failed_at.is_some_and(|at| is_failure_recent(at, now));
        if let Some(outage) = &mut self.outage {
            let is_fresh_risked = self.lost.is_empty() || outage.has_answered_others;
            let may_probe = match token {
                RefreshTokenState::Fresh => is_fresh_risked,
                RefreshTokenState::Repeatable => true,
                RefreshTokenState::Lost => !outage.has_answered_others,
            };
            // Sessions whose response was lost take no turns with others: these must not probe.
            let is_turn =
                may_probe && (!is_fresh_risked || outage.take_turn(account, &self.accounts, now));
            if outage.probes.is_pausing(now) || !is_turn {
                return Admission::Refused(outage.probes.wait(now));
            }
            outage.probes.begin(probe);
            is_likely_to_fail |= outage.is_recent(now);
        } else {
            // A request that has failed counts after its end too, so that no further refresh tokens are risked
            // until WorkOS has answered or the breaker is open.
            self.forget_old_failures(now);
            if self.running + self.failures.len() >= self.limit {
                return Admission::Full;
            }
            if !is_probe_of_account && self.has_its_part(account) {
                return Admission::LeftToOthers;
            }
        }
        self.running += 1;
        *self.running_of.entry(account).or_default() += 1;
        self.last_probe = probe;
        if is_probe_of_account {
            self.accounts.begin_probe(account, probe);
        }
        let is_probe = is_probe_of_account || self.outage.is_some();
        Admission::Admitted(AdmittedRenewal {
            account,
            token,
            probe: is_probe.then_some(probe),
            is_likely_to_fail,
        })
    }

    /// Whether this account uses all places but one.
    fn has_its_part(&self, account: UserId) -> bool {
        let running = self.running_of.get(&account).copied().unwrap_or_default();
        running + self.failures_of(account) + 1 >= self.limit
    }

    /// Whether a renewal has failed since the last answer.
    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Lets one more renewal run at once if as many as one account may use are running. Returns whether it does.
    pub(super) fn raise_limit(&mut self) -> bool {
        let is_reached = self.running + 1 >= self.limit;
        if is_reached {
            self.limit = (self.limit + 1).min(LARGEST_LIMIT);
        }
        is_reached
    }

    /// Records an answer to a renewal or a sign-in. Returns how long the outage lasted if this ends it.
    pub(super) fn record_answer(
        &mut self,
        renewal: Option<&AdmittedRenewal>,
        now: Duration,
    ) -> Option<Duration> {
        self.answered_at = Some(now);
        self.failures.clear();
        if let Some(renewal) = renewal {
            self.renewal_answered_at = Some(now);
            self.accounts.record_answer(renewal.account, now);
        }
        let outage = self.outage.as_mut()?;
        let is_probe = renewal.is_some_and(|renewal| outage.probes.is_running(renewal.probe));
        if !is_probe && !outage.record_other_answer(now) {
            return None;
        }
        let lasted = now.saturating_sub(outage.since);
        self.outage = None;
        Some(lasted)
    }

    /// Records that a renewal has ended, whatever its result.
    pub(super) fn end_renewal(&mut self, renewal: &AdmittedRenewal) {
        self.running -= 1;
        if let Some(running) = self.running_of.get_mut(&renewal.account) {
            *running -= 1;
            if *running == 0 {
                self.running_of.remove(&renewal.account);
            }
        }
        if self.running == 0 {
            self.limit = FIRST_LIMIT;
        }
        // A probe that is still running was not sent, because another replica renews the session.
        if let Some(outage) = &mut self.outage {
            outage.probes.cancel(renewal.probe);
        }
        self.accounts.cancel_probe(renewal.account, renewal.probe);
    }

    /// Records a failed renewal. Returns whether the renewals of its account are sent one at a time from now on.
    pub(super) fn record_failure(
        &mut self,
        renewal: &AdmittedRenewal,
        failed: &FailedRequest<'_>,
        now: Duration,
    ) -> bool {
        let account = renewal.account;
        self.limit = FIRST_LIMIT;
        if failed.error.is_lost() {
            self.lost.insert(account);
        }
        let is_account_failing = self
            .accounts
            .record_failure(renewal, failed.is_repeated, now);
        let retry_after = failed.error.retry_after();
        let retry_at = retry_after.map(|wait| now + wait.min(LONGEST_RETRY_AFTER));
        if let Some(retry_at) = retry_at {
            self.accounts.postpone(account, retry_at, now);
        }
        let retry_at_for_all = retry_at.filter(|_| !failed.is_own);
        let not_before = retry_at_for_all.unwrap_or_else(|| self.accounts.shared_retry_at());
        if let Some(outage) = &mut self.outage {
            outage.failed_at = now;
            if outage.probes.is_running(renewal.probe) {
                outage.has_answered_others &= renewal.token != RefreshTokenState::Fresh;
                outage.probes.fail(now);
            }
            outage.postpone_until(not_before);
            return is_account_failing;
        }
        if !failed.is_repeated {
            self.count_failure(account, now);
        }
        if self.failing_accounts() >= FAILING_ACCOUNTS || retry_at_for_all.is_some() {
            self.failures.clear();
            let mut outage = Outage::new(now);
            outage.postpone_until(not_before);
            self.outage = Some(outage);
        }
        is_account_failing
    }

    fn count_failure(&mut self, account: UserId, now: Duration) {
        self.forget_old_failures(now);
        if self.failures_of(account) < FAILURES as usize {
            self.failures.push_back((account, now));
        }
    }

    fn failures_of(&self, account: UserId) -> usize {
        let failures = self.failures.iter().filter(|(of, _)| *of == account);
        failures.count()
    }

    fn failing_accounts(&self) -> usize {
        let accounts: HashSet<UserId> = self.failures.iter().map(|(of, _)| *of).collect();
        accounts.len()
    }

    fn forget_old_failures(&mut self, now: Duration) {
        let is_old = |(_, at): &(UserId, Duration)| now.saturating_sub(*at) > FAILURE_WINDOW;
        while self.failures.front().is_some_and(is_old) {
            self.failures.pop_front();
        }
    }
}
