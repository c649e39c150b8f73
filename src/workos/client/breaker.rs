//! The circuit breaker of the WorkOS client. It decides when a session may be renewed, by the results of renewals
//! and sign-ins, which have one endpoint at WorkOS. Another endpoint may fail, or answer, for reasons of its own.
//!
//! WorkOS consumes a refresh token when it answers, so that each renewal whose answer is lost puts a session
//! at risk. Therefore few renewals run at once until WorkOS has answered some, and after failed renewals of several
//! accounts in a row the breaker opens: one renewal at a time probes whether WorkOS answers again. Sign-ins are always
//! sent. What one account gets for an answer says nothing of WorkOS: its failures limit its own renewals only.

mod failing_accounts;
mod outage;
mod probe_schedule;
mod renewal;
mod state;

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::ids::UserId;
use renewal::AdmittedRenewal;
use state::{Admission, BreakerState};

pub(super) use renewal::FailedRequest;
pub use renewal::RefreshTokenState;

/// The breaker; clones share its state.
#[derive(Clone)]
pub(crate) struct CircuitBreaker {
    clock: Clock,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<BreakerState>,
    /// Wakes one of those that wait for a place, when there is one.
    place_free: Notify,
    /// Wakes those whose account left a place to others, when a renewal ends. They are of one account.
    renewal_ended: Notify,
}

/// Whether a renewal may be sent.
pub enum RenewalAdmission {
    /// It may be sent.
    Admitted(RenewalPermit),
    /// WorkOS is failing, for all or for this account, and it is not time for a probe or another one is running. Ask
    /// again after this time.
    Refused(Duration),
}

/// The permission to send one renewal. Dropping it lets the next one begin.
pub struct RenewalPermit {
    breaker: CircuitBreaker,
    renewal: AdmittedRenewal,
}

impl CircuitBreaker {
    /// A closed breaker.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            shared: Arc::default(),
        }
    }

    /// Whether the breaker is open for all accounts.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.state.lock().outage.is_some()
    }

    /// Whether the breaker is open for this account.
    pub(crate) fn is_open_for(&self, account: UserId) -> bool {
        let now = self.clock.elapsed();
        let state = self.shared.state.lock();
        state.outage.is_some() || state.accounts.is_failing(account, now)
    }

    /// Whether the breaker is open for any account.
    pub(crate) fn is_open_for_any(&self) -> bool {
        let now = self.clock.elapsed();
        let state = self.shared.state.lock();
        state.outage.is_some() || state.accounts.is_any_failing(now)
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
        outage.is_some_and(|outage| outage.probes.is_pausing(now))
    }

    /// Whether WorkOS has answered a renewal since this time, in which the breaker has not opened for all.
    pub(crate) fn has_renewed_since(&self, time: Duration) -> bool {
        let state = self.shared.state.lock();
        state.outage.is_none() && state.renewal_answered_at >= Some(time)
    }

    /// Tells which accounts have sessions whose response was lost.
    pub(crate) fn reserve_probes(&self, lost: HashSet<UserId>) {
        self.shared.state.lock().lost = lost;
    }

    /// Waits until fewer renewals than the limit are running, or until the breaker opens.
    pub(crate) async fn admit(&self, account: UserId) -> RenewalAdmission {
        let mut is_woken = false;
        loop {
            let renewal_ended = self.shared.renewal_ended.notified();
            let refused = {
                let mut place_free = pin!(self.shared.place_free.notified());
                // From here on no place that becomes free is missed, however many do.
                is_woken |= place_free.as_mut().enable();
                match self.ask(account, RefreshTokenState::Fresh) {
                    Admission::Admitted(renewal) => {
                        return RenewalAdmission::Admitted(self.permit(renewal));
                    }
                    Admission::Full => {
                        place_free.await;
                        is_woken = true;
                        continue;
                    }
                    Admission::LeftToOthers => None,
                    Admission::Refused(wait) => Some(RenewalAdmission::Refused(wait)),
                }
            };
            if std::mem::take(&mut is_woken) {
                // The place is free for a renewal of another account.
                self.shared.place_free.notify_one();
            }
            match refused {
                Some(refused) => return refused,
                None => renewal_ended.await,
            }
        }
    }

    /// The same without waiting. Returns `None` if the limit is reached.
    pub(crate) fn try_admit(
        &self,
        account: UserId,
        token: RefreshTokenState,
    ) -> Option<RenewalAdmission> {
        match self.ask(account, token) {
            Admission::Full | Admission::LeftToOthers => None,
            Admission::Refused(wait) => Some(RenewalAdmission::Refused(wait)),
            Admission::Admitted(renewal) => Some(RenewalAdmission::Admitted(self.permit(renewal))),
        }
    }

    fn ask(&self, account: UserId, token: RefreshTokenState) -> Admission {
        let now = self.clock.elapsed();
        self.shared.state.lock().admit(account, token, now)
    }

    fn permit(&self, renewal: AdmittedRenewal) -> RenewalPermit {
        RenewalPermit {
            breaker: self.clone(),
            renewal,
        }
    }

    /// Records that WorkOS answered a renewal or a sign-in. The answer to a probe closes the breaker. Another one
    /// brings the next probe forward, and closes the breaker only if no request has failed for a while.
    pub(super) fn record_answer(&self, permit: Option<&RenewalPermit>) {
        let now = self.clock.elapsed();
        let mut state = self.shared.state.lock();
        let had_failures = state.has_failures();
        let has_room = permit.is_some() && state.raise_limit();
        let lasted = state.record_answer(permit.map(|permit| &permit.renewal), now);
        drop(state);
        if had_failures {
            self.wake_all();
        }
        if has_room {
            self.shared.place_free.notify_one();
        }
        if let Some(lasted) = lasted {
            let lasted = lasted.as_secs();
            log::info!("WorkOS answers again after {lasted} s; renewing sessions");
        }
    }

    /// Records that WorkOS gave no usable answer to a renewal or a sign-in. A failed sign-in opens no breaker: anybody
    /// can begin one, and WorkOS and firewalls answer what they are given.
    pub(super) fn record_failure(
        &self,
        permit: Option<&RenewalPermit>,
        failed: &FailedRequest<'_>,
    ) {
        let now = self.clock.elapsed();
        let mut state = self.shared.state.lock();
        let Some(permit) = permit else {
            if let Some(outage) = &mut state.outage {
                outage.failed_at = now;
            }
            return;
        };
        let was_open = state.outage.is_some();
        let is_account_failing = state.record_failure(&permit.renewal, failed, now);
        let opens = state.outage.is_some() && !was_open;
        drop(state);
        let error = failed.error;
        if opens {
            log::warn!("WorkOS is failing; renewing no session until it answers a probe: {error}");
        } else if is_account_failing && !was_open {
            log::warn!(
                "renewing the sessions of account {} one at a time: WorkOS does not answer their renewals: {error}",
                permit.account()
            );
        }
        if opens || is_account_failing {
            self.wake_all();
        }
    }

    /// Has all that wait ask again.
    fn wake_all(&self) {
        self.shared.place_free.notify_waiters();
        self.shared.renewal_ended.notify_waiters();
    }
}

impl RenewalPermit {
    /// Whether this is a probe, and WorkOS failed so recently that nobody should wait for the result.
    pub fn is_likely_to_fail(&self) -> bool {
        self.renewal.is_likely_to_fail
    }

    /// The account whose session is renewed.
    pub(super) fn account(&self) -> UserId {
        self.renewal.account
    }
}

impl Drop for RenewalPermit {
    fn drop(&mut self) {
        self.breaker.shared.state.lock().end_renewal(&self.renewal);
        self.breaker.shared.place_free.notify_one();
        self.breaker.shared.renewal_ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
