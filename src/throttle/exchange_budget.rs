//! Limits the requests to identity providers that clients can cause before they have signed in.
//!
//! WorkOS counts the requests of an API key, so that one client with invented codes could use up the
//! requests for everybody's sign-ins and renewals. An exchange is counted before it begins, and given back
//! if the provider accepts the code: a client that disconnects has been counted.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::bounded_map::{BoundedMap, KeyHash};
use super::limit_key::{LimitKey, attempt_hash, code_hash, network_keys};
use super::sliding_window::SlidingWindow;
use crate::client_network::has_its_share;
use crate::clock::{Clock, whole_seconds};
use crate::settings::Rate;

/// A client may fail this many times as often as it may begin a sign-in: an office behind one address has
/// several exchanges in progress at once.
const FAILURE_FACTOR: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// A network may succeed this many times as often as it may fail: each success creates or reads rows.
const SUCCESS_FACTOR: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// The exchanges of all clients are counted for this long.
const PERIOD: Duration = Duration::from_secs(10);
/// The most failed and running exchanges of all clients within [`PERIOD`]. WorkOS allows an API key 6,000
/// requests a minute, and lists a limit of 500 requests that write in ten seconds. The rest is for renewals.
const TOTAL: usize = 250;
/// The most exchanges within [`PERIOD`] with the accepted ones.
const TOTAL_WITH_ACCEPTED: usize = 300;
/// From this number on, each network has a share of the rest of [`TOTAL_WITH_ACCEPTED`].
const TOTAL_WITHOUT_SHARES: usize = 150;
/// From this number on, a network with [`FEW_EXCHANGES`] failed or running exchanges gets no other one, so
/// that clients that fail cannot keep out all others.
const TOTAL_OF_FAILING_CLIENTS: usize = 125;
/// What two users behind one address need at the same time; a larger network has as many times more as its
/// limit is higher.
const FEW_EXCHANGES: u32 = 2;
/// The most codes of one attempt that the provider refuses. A real attempt has one code.
const CODES_OF_AN_ATTEMPT: usize = 3;
/// The lifetime of an attempt.
const ATTEMPT_LIFETIME: Duration = Duration::from_secs(600);

/// The exchanges that have failed recently or are running.
pub struct ExchangeBudget {
    clock: Clock,
    /// The failed and running exchanges of each network of the clients.
    failed: SlidingWindow,
    /// The accepted exchanges of each network.
    accepted: SlidingWindow,
    /// Whether accepted exchanges are limited.
    limits_accepted: bool,
    attempts: BoundedMap<AttemptCodes>,
    totals: Mutex<Totals>,
}

/// The codes of an attempt.
#[derive(Default)]
struct AttemptCodes {
    /// How many are refused or being exchanged.
    number: usize,
    /// The one that was accepted.
    accepted: Option<KeyHash>,
}

impl AttemptCodes {
    /// Whether no more exchange of this code is allowed. The accepted one may be sent again, which the provider refuses:
    /// the browser may not have received the answer.
    fn are_used_up(&self, code: KeyHash) -> bool {
        self.number >= CODES_OF_AN_ATTEMPT || self.accepted.is_some_and(|accepted| accepted != code)
    }
}

/// When the exchanges of all clients within [`PERIOD`] began or were accepted.
#[derive(Default)]
struct Totals {
    /// The failed and running ones.
    failed: VecDeque<Duration>,
    accepted: VecDeque<Duration>,
}

impl Totals {
    fn forget_old(&mut self, now: Duration) {
        for times in [&mut self.failed, &mut self.accepted] {
            while times.front().is_some_and(|oldest| *oldest + PERIOD <= now) {
                times.pop_front();
            }
        }
    }

    fn all(&self) -> usize {
        self.failed.len() + self.accepted.len()
    }

    /// The refusal until the oldest of the counted exchanges is forgotten.
    fn refusal(&self, now: Duration) -> ExchangeRefusal {
        let oldest = self.failed.front().into_iter().chain(self.accepted.front());
        let wait = oldest.min().map_or(PERIOD, |oldest| *oldest + PERIOD - now);
        ExchangeRefusal::Throttled(whole_seconds(wait))
    }
}

/// Why an exchange must not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeRefusal {
    /// The provider has accepted another code of this attempt, or refused too many.
    AttemptUsed,
    /// Too many exchanges of one of the client's networks, or of all clients; the seconds to wait.
    Throttled(u64),
}

/// What the provider has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeOutcome {
    /// It accepted the code.
    Accepted,
    /// It refused the code.
    Refused,
    /// It could not be asked, so that the code may still be valid.
    Unavailable,
}

/// An exchange that has been counted.
#[must_use]
pub struct ExchangePermit {
    budget: Arc<ExchangeBudget>,
    networks: Vec<LimitKey>,
    /// The attempt and the code.
    attempt: Option<(KeyHash, KeyHash)>,
}

impl ExchangeBudget {
    /// The budget, with a limit per client that depends on the rate of sign-ins.
    pub fn new(sign_ins: Option<Rate>, clock: &Clock) -> Arc<Self> {
        let unlimited = Rate {
            requests: NonZeroU32::MAX,
            period: PERIOD,
        };
        let failures = sign_ins.map_or(unlimited, |rate| Rate {
            requests: rate.requests.saturating_mul(FAILURE_FACTOR),
            period: rate.period,
        });
        let successes = Rate {
            requests: failures.requests.saturating_mul(SUCCESS_FACTOR),
            ..failures
        };
        Arc::new(Self {
            clock: clock.clone(),
            failed: SlidingWindow::new(failures).keeping(PERIOD),
            accepted: SlidingWindow::new(successes).keeping(PERIOD),
            limits_accepted: sign_ins.is_some(),
            attempts: BoundedMap::new(),
            totals: Mutex::default(),
        })
    }

    /// Counts an exchange that is about to begin, of this client and, if there is one, of this attempt with this code.
    pub fn reserve(
        self: &Arc<Self>,
        client: IpAddr,
        attempt: Option<(&str, &str)>,
    ) -> Result<ExchangePermit, ExchangeRefusal> {
        let now = self.clock.elapsed();
        let permit = ExchangePermit {
            budget: Arc::clone(self),
            networks: network_keys(client, ""),
            attempt: attempt.map(|(attempt, code)| (attempt_hash(attempt), code_hash(code))),
        };
        self.count(&permit, now)?;
        Ok(permit)
    }

    fn count(&self, permit: &ExchangePermit, now: Duration) -> Result<(), ExchangeRefusal> {
        // The lock is held from the first check to the last count, so that concurrent requests cannot all
        // pass a check before any of them is counted.
        let mut totals = self.totals.lock();
        if let Some((attempt, code)) = permit.attempt
            && self.attempts.read(attempt, |codes| codes.are_used_up(code))
        {
            return Err(ExchangeRefusal::AttemptUsed);
        }
        totals.forget_old(now);
        for network in &permit.networks {
            let checked = self.failed.check(*network, now);
            let checked = checked.and_then(|()| self.accepted.check(*network, now));
            checked.map_err(|wait| ExchangeRefusal::Throttled(whole_seconds(wait)))?;
        }
        if self.is_full_for(&permit.networks, &totals, now)
            || self.is_full_with_accepted(&permit.networks, &totals, now)
        {
            return Err(totals.refusal(now));
        }
        totals.failed.push_back(now);
        for network in &permit.networks {
            self.failed.count(*network, now);
        }
        if let Some((attempt, _)) = permit.attempt {
            self.attempts.update(attempt, now, |codes| {
                codes.number += 1;
                ((), now + ATTEMPT_LIFETIME)
            });
        }
        Ok(())
    }

    /// Whether the rest of [`TOTAL`] is for others than a client of these networks.
    fn is_full_for(&self, networks: &[LimitKey], totals: &Totals, now: Duration) -> bool {
        let left = TOTAL.saturating_sub(totals.failed.len());
        let recent = |network| self.failed.counted_within(network, PERIOD, now);
        let is_failing = || {
            networks.iter().any(|network| {
                let few = FEW_EXCHANGES.saturating_mul(network.factor) as usize;
                self.failed.counted(*network, now) >= few
            })
        };
        left == 0
            || has_its_share(larger(networks), left, recent)
            || (totals.failed.len() >= TOTAL_OF_FAILING_CLIENTS && is_failing())
    }

    /// The same for [`TOTAL_WITH_ACCEPTED`].
    fn is_full_with_accepted(&self, networks: &[LimitKey], totals: &Totals, now: Duration) -> bool {
        let left = TOTAL_WITH_ACCEPTED.saturating_sub(totals.all());
        let recent = |network| {
            self.failed.counted_within(network, PERIOD, now)
                + self.accepted.counted_within(network, PERIOD, now)
        };
        let has_shares = totals.all() >= TOTAL_WITHOUT_SHARES;
        let has_its_share = || has_its_share(larger(networks), left, recent);
        self.limits_accepted && (left == 0 || has_shares && has_its_share())
    }
}

/// The networks of a client that have a share. An address, or a /64, has its own limit only, which is low.
fn larger(networks: &[LimitKey]) -> &[LimitKey] {
    networks.get(1..).unwrap_or_default()
}

impl ExchangePermit {
    /// Gives back what the outcome does not use up.
    pub fn settle(self, outcome: ExchangeOutcome) {
        let budget = &self.budget;
        let now = budget.clock.elapsed();
        if outcome == ExchangeOutcome::Accepted {
            let mut totals = budget.totals.lock();
            totals.failed.pop_back();
            totals.accepted.push_back(now);
            for network in &self.networks {
                budget.failed.give_back(*network, now);
                budget.accepted.count(*network, now);
            }
        }
        if let Some((attempt, code)) = self.attempt {
            budget.attempts.update(attempt, now, |codes| {
                match outcome {
                    ExchangeOutcome::Refused => {}
                    ExchangeOutcome::Unavailable => codes.number = codes.number.saturating_sub(1),
                    ExchangeOutcome::Accepted => {
                        codes.number = codes.number.saturating_sub(1);
                        codes.accepted = Some(code);
                    }
                }
                ((), now + ATTEMPT_LIFETIME)
            });
        }
    }
}

#[cfg(test)]
mod tests;
