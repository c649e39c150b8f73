//! The circuit breaker of the WorkOS client. It decides when a session may be renewed, by the results of renewals
//! and sign-ins, which have one endpoint at WorkOS. Another endpoint may fail, or answer, for reasons of its own.
//!
//! WorkOS consumes a refresh token when it answers, so that each renewal whose answer is lost puts a session
//! at risk. Therefore few renewals run at once until WorkOS has answered some, and after three requests in a row
//! that failed the breaker opens: one renewal at a time probes whether WorkOS answers again. Sign-ins are always
//! sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::random::random_fraction;
use crate::workos::error::WorkosError;

/// The breaker opens after this many failed requests in a row within [`FAILURE_WINDOW`].
const FAILURES: usize = 3;
const FAILURE_WINDOW: Duration = Duration::from_secs(10);
/// The time from the opening to the first probe. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between probes. WorkOS repeats a lost answer for half a minute, in which several probes
/// must fit, and sessions must be renewed within seconds after an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is respected. After a longer one WorkOS gets one probe in this time, not one
/// request of each session, and its end is noticed within seconds.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The result of the last probe is not relied on for longer than this.
const PROBE_LIFETIME: Duration = Duration::from_secs(15);
/// How many renewals run at once at first, or after a failure: so many answers can be lost before the first
/// failure is known. The limit rises by one with each answer while it is reached, as in TCP's slow start.
const FIRST_LIMIT: usize = 4;
/// The largest number of renewals that run at once.
const LARGEST_LIMIT: usize = 64;

/// The breaker; clones share its state.
#[derive(Clone)]
pub(crate) struct CircuitBreaker {
    clock: Clock,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<BreakerState>,
    /// Notified when a renewal ends, for those that wait for the limit.
    renewal_ended: Notify,
}

struct BreakerState {
    /// When the last requests failed for the first time, since the last answer. At most [`FAILURES`].
    failures: VecDeque<Duration>,
    /// The number of renewals that are running.
    running: usize,
    /// How many may run at once.
    limit: usize,
    outage: Option<Outage>,
    /// Whether the server has sessions whose response was lost, which it uses as probes by itself: the refresh token
    /// of another one is not risked then.
    are_probes_reserved: bool,
    /// Incremented with each probe.
    last_probe: u64,
}

/// The state of an open breaker.
struct Outage {
    since: Duration,
    /// The time after the last probe until the next one.
    pause: Duration,
    next_probe_at: Duration,
    /// The end of the longest `Retry-After` of a renewal. There is no probe before, whatever WorkOS answers to
    /// sign-ins.
    not_before: Duration,
    /// When the last request failed.
    failed_at: Duration,
    /// Whether WorkOS has answered a sign-in, or a renewal that began before the outage, and no probe with a fresh
    /// refresh token has failed since. Then a renewal that fails again and again may fail for a reason of its own,
    /// and must not keep the others from probing.
    has_answered_others: bool,
    running_probe: Option<u64>,
}

/// What WorkOS may have done with the refresh token of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// It was not sent, or WorkOS answered that it was not consumed.
    Fresh,
    /// The response was lost, and WorkOS repeats it.
    Repeatable,
    /// The response was lost, and WorkOS does not repeat it any more.
    Lost,
}

/// Whether a renewal may be sent.
pub enum RenewalAdmission {
    /// It may be sent.
    Admitted(RenewalPermit),
    /// WorkOS is failing, and it is not time for a probe or another one is running. Ask again after this time.
    Refused(Duration),
}

/// The permission to send one renewal. Dropping it lets the next one begin.
pub struct RenewalPermit {
    breaker: CircuitBreaker,
    /// The number of the probe, if this renewal is one.
    probe: Option<u64>,
    token: RefreshTokenState,
    is_failure_recent: bool,
}

impl Default for BreakerState {
    fn default() -> Self {
        Self {
            failures: VecDeque::new(),
            running: 0,
            limit: FIRST_LIMIT,
            outage: None,
            are_probes_reserved: false,
            last_probe: 0,
        }
    }
}

impl CircuitBreaker {
    /// A closed breaker.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            shared: Arc::default(),
        }
    }

    /// Whether the breaker is open.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.state.lock().outage.is_some()
    }

    /// Whether the breaker is open because of a failure a short time ago.
    pub(crate) fn is_failing_now(&self) -> bool {
        let now = self.clock.elapsed();
        let state = self.shared.state.lock();
        let outage = state.outage.as_ref();
        outage.is_some_and(|outage| outage.is_recent(now))
    }

    /// Whether the breaker is open and it is too early for the next probe.
    pub(crate) fn is_pausing(&self) -> bool {
        let now = self.clock.elapsed();
        let state = self.shared.state.lock();
        let outage = state.outage.as_ref();
        outage.is_some_and(|outage| outage.is_pausing(now))
    }

    /// Tells whether there are sessions whose response was lost.
    pub(crate) fn reserve_probes(&self, are_reserved: bool) {
        self.shared.state.lock().are_probes_reserved = are_reserved;
    }

    /// Waits until fewer renewals than the limit are running, or until the breaker opens.
    pub(crate) async fn admit(&self) -> RenewalAdmission {
        loop {
            let ended = self.shared.renewal_ended.notified();
            if let Some(admission) = self.try_admit(RefreshTokenState::Fresh) {
                return admission;
            }
            ended.await;
        }
    }

    /// The same without waiting. Returns `None` if the limit is reached.
    pub(crate) fn try_admit(&self, token: RefreshTokenState) -> Option<RenewalAdmission> {
        let now = self.clock.elapsed();
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        let Some(outage) = &mut state.outage else {
            // A request that has failed counts after its end too, so that no further refresh tokens are risked
            // until WorkOS has answered or the breaker is open.
            forget_old(&mut state.failures, now);
            if state.running + state.failures.len() >= state.limit {
                return None;
            }
            state.running += 1;
            let permit = self.permit(None, token, false);
            return Some(RenewalAdmission::Admitted(permit));
        };
        let must_wait = match token {
            RefreshTokenState::Fresh => state.are_probes_reserved && !outage.has_answered_others,
            RefreshTokenState::Repeatable => false,
            RefreshTokenState::Lost => outage.has_answered_others,
        };
        if outage.is_pausing(now) || must_wait {
            let wait = outage.next_probe_at.saturating_sub(now).max(FIRST_PAUSE);
            return Some(RenewalAdmission::Refused(wait));
        }
        state.last_probe += 1;
        state.running += 1;
        outage.running_probe = Some(state.last_probe);
        let is_failure_recent = outage.is_recent(now);
        let permit = self.permit(Some(state.last_probe), token, is_failure_recent);
        Some(RenewalAdmission::Admitted(permit))
    }

    fn permit(
        &self,
        probe: Option<u64>,
        token: RefreshTokenState,
        is_failure_recent: bool,
    ) -> RenewalPermit {
        RenewalPermit {
            breaker: self.clone(),
            probe,
            token,
            is_failure_recent,
        }
    }

    /// Records that WorkOS answered a renewal or a sign-in. The answer to a probe closes the breaker. Another one
    /// brings the next probe forward, and closes the breaker only if no request has failed for a while.
    pub(super) fn record_answer(&self, permit: Option<&RenewalPermit>) {
        let now = self.clock.elapsed();
        let mut state = self.shared.state.lock();
        if !state.failures.is_empty() {
            state.failures.clear();
            self.shared.renewal_ended.notify_waiters();
        }
        if permit.is_some() && state.running >= state.limit {
            state.limit = (state.limit + 1).min(LARGEST_LIMIT);
            self.shared.renewal_ended.notify_one();
        }
        let Some(outage) = &mut state.outage else {
            return;
        };
        let is_probe = permit.is_some_and(|permit| permit.is_probe_of(outage));
        if is_probe || !outage.is_recent(now) && now >= outage.not_before {
            let lasted = now.saturating_sub(outage.since).as_secs();
            state.outage = None;
            log::info!("WorkOS answers again after {lasted} s; renewing sessions");
        } else {
            outage.has_answered_others = true;
            let soon = (outage.failed_at + FIRST_PAUSE).max(outage.not_before);
            outage.next_probe_at = outage.next_probe_at.min(soon.max(now));
        }
    }

    /// Records that WorkOS gave no usable answer to a renewal or a sign-in. `is_repeated`: an attempt of the same
    /// request has failed before, so that it is no further failure.
    pub(super) fn record_failure(
        &self,
        permit: Option<&RenewalPermit>,
        error: &WorkosError,
        is_repeated: bool,
    ) {
        let now = self.clock.elapsed();
        // A rate limit of sign-ins does not concern renewals.
        let retry_after = permit.and_then(|_| error.retry_after());
        let not_before =
            retry_after.map_or(Duration::ZERO, |wait| now + wait.min(LONGEST_RETRY_AFTER));
        let mut state = self.shared.state.lock();
        state.limit = FIRST_LIMIT;
        state.are_probes_reserved |= permit.is_some() && error.is_lost();
        if let Some(outage) = &mut state.outage {
            outage.failed_at = now;
            outage.not_before = outage.not_before.max(not_before);
            if let Some(permit) = permit.filter(|permit| permit.is_probe_of(outage)) {
                outage.has_answered_others &= permit.token != RefreshTokenState::Fresh;
                outage.running_probe = None;
                outage.pause = (outage.pause * 2).min(LONGEST_PAUSE);
                outage.next_probe_at = now + with_jitter(outage.pause);
            }
            outage.next_probe_at = outage.next_probe_at.max(outage.not_before);
            return;
        }
        if !is_repeated {
            state.failures.push_back(now);
        }
        forget_old(&mut state.failures, now);
        if state.failures.len() < FAILURES && retry_after.is_none() {
            return;
        }
        state.failures.clear();
        state.outage = Some(Outage {
            since: now,
            pause: FIRST_PAUSE,
            next_probe_at: (now + with_jitter(FIRST_PAUSE)).max(not_before),
            not_before,
            failed_at: now,
            has_answered_others: false,
            running_probe: None,
        });
        drop(state);
        self.shared.renewal_ended.notify_waiters();
        log::warn!("WorkOS is failing; renewing no session until it answers a probe: {error}");
    }
}

impl Outage {
    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.failed_at) < PROBE_LIFETIME
    }

    fn is_pausing(&self, now: Duration) -> bool {
        self.running_probe.is_some() || now < self.next_probe_at
    }
}

impl RenewalPermit {
    /// Whether this is a probe, and WorkOS failed so recently that nobody should wait for the result.
    pub fn is_likely_to_fail(&self) -> bool {
        self.is_failure_recent
    }

    fn is_probe_of(&self, outage: &Outage) -> bool {
        self.probe.is_some() && self.probe == outage.running_probe
    }
}

impl Drop for RenewalPermit {
    fn drop(&mut self) {
        let mut state = self.breaker.shared.state.lock();
        state.running -= 1;
        if state.running == 0 {
            state.limit = FIRST_LIMIT;
        }
        if let Some(outage) = &mut state.outage
            && self.is_probe_of(outage)
        {
            // Nothing was sent, because another replica renews the session.
            outage.running_probe = None;
        }
        drop(state);
        self.breaker.shared.renewal_ended.notify_one();
    }
}

fn forget_old(failures: &mut VecDeque<Duration>, now: Duration) {
    let is_old = |at: &Duration| now.saturating_sub(*at) > FAILURE_WINDOW;
    while failures.front().is_some_and(is_old) {
        failures.pop_front();
    }
}

/// At least half of the pause, so that replicas do not probe at the same time.
fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + random_fraction() / 2.0)
}

#[cfg(test)]
mod tests;
