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
use super::limit_key::{LimitKey, attempt_hash, network_keys};
use super::sliding_window::SlidingWindow;
use crate::clock::{Clock, whole_seconds};
use crate::settings::Rate;

/// A client may fail this many times as often as it may begin a sign-in: an office behind one address has
/// several exchanges in progress at once.
const FAILURE_FACTOR: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// A network may succeed this many times as often as it may fail: each success creates or reads rows.
const SUCCESS_FACTOR: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Failed and running exchanges of all clients are counted for this long.
const PERIOD: Duration = Duration::from_secs(10);
/// The most failed and running exchanges of all clients within [`PERIOD`]. WorkOS allows an API key 6,000
/// requests a minute, and lists a limit of 500 requests that write in ten seconds. The rest is for renewals.
const TOTAL: usize = 250;
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
    /// The exchanges of each network of the clients.
    networks: SlidingWindow,
    /// Those of the last [`PERIOD`], of which each network has a share.
    recent: SlidingWindow,
    /// The accepted exchanges of each network; `None` without a limit.
    accepted: Option<SlidingWindow>,
    attempts: BoundedMap<usize>,
    total: Mutex<VecDeque<Duration>>,
}

/// Why an exchange must not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeRefusal {
    /// The provider has refused too many codes of this attempt.
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
    attempt: Option<KeyHash>,
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
        Arc::new(Self {
            clock: clock.clone(),
            networks: SlidingWindow::new(failures),
            recent: SlidingWindow::new(unlimited),
            accepted: sign_ins.is_some().then(|| {
                SlidingWindow::new(Rate {
                    requests: failures.requests.saturating_mul(SUCCESS_FACTOR),
                    ..failures
                })
            }),
            attempts: BoundedMap::new(),
            total: Mutex::default(),
        })
    }

    /// Counts an exchange that is about to begin, of this client and, if there is one, of this attempt.
    pub fn reserve(
        self: &Arc<Self>,
        client: IpAddr,
        attempt: Option<&str>,
    ) -> Result<ExchangePermit, ExchangeRefusal> {
        let now = self.clock.elapsed();
        let permit = ExchangePermit {
            budget: Arc::clone(self),
            networks: network_keys(client, ""),
            attempt: attempt.map(attempt_hash),
        };
        self.count(&permit, now)?;
        Ok(permit)
    }

    fn count(&self, permit: &ExchangePermit, now: Duration) -> Result<(), ExchangeRefusal> {
        // The lock is held from the first check to the last count, so that concurrent requests cannot all
        // pass a check before any of them is counted.
        let mut total = self.total.lock();
        let codes = permit
            .attempt
            .map(|attempt| self.attempts.read(attempt, |codes| *codes));
        if codes.is_some_and(|codes| codes >= CODES_OF_AN_ATTEMPT) {
            return Err(ExchangeRefusal::AttemptUsed);
        }
        forget_older_than(&mut total, PERIOD, now);
        for network in &permit.networks {
            let checked = self.networks.check(*network, now);
            let accepted = self.accepted.as_ref();
            let checked = checked.and(accepted.map_or(Ok(()), |it| it.check(*network, now)));
            checked.map_err(|wait| ExchangeRefusal::Throttled(whole_seconds(wait)))?;
        }
        if self.is_full_for(&permit.networks, total.len(), now) {
            return Err(wait_for(&total, now));
        }
        total.push_back(now);
        for network in &permit.networks {
            self.networks.count(*network, now);
            self.recent.count(*network, now);
        }
        if let Some(attempt) = permit.attempt {
            self.attempts.update(attempt, now, |codes| {
                *codes += 1;
                ((), now + ATTEMPT_LIFETIME)
            });
        }
        Ok(())
    }

    /// Whether the rest of [`TOTAL`] is for others than a client of these networks, the smallest first. The
    /// largest network may have half as many as are left, the next smaller one half of that, and so on: however
    /// many networks flood the site, a part is left for those that do not.
    fn is_full_for(&self, networks: &[LimitKey], total: usize, now: Duration) -> bool {
        let left = TOTAL.saturating_sub(total);
        let mut part = left;
        // An address, or a /64, has its own limit only, which is low.
        let has_its_part = networks.iter().skip(1).rev().any(|network| {
            part /= 2;
            self.recent.counted(*network, now) > part
        });
        let is_failing = || {
            networks.iter().any(|network| {
                let few = FEW_EXCHANGES.saturating_mul(network.factor) as usize;
                self.networks.counted(*network, now) >= few
            })
        };
        left == 0 || has_its_part || (total >= TOTAL_OF_FAILING_CLIENTS && is_failing())
    }
}

impl ExchangePermit {
    /// Gives back what the outcome does not use up.
    pub fn settle(self, outcome: ExchangeOutcome) {
        let budget = &self.budget;
        let now = budget.clock.elapsed();
        if outcome == ExchangeOutcome::Accepted {
            budget.total.lock().pop_back();
            for network in &self.networks {
                budget.networks.give_back(*network, now);
                budget.recent.give_back(*network, now);
                if let Some(accepted) = &budget.accepted {
                    accepted.count(*network, now);
                }
            }
        }
        if let (Some(attempt), true) = (self.attempt, outcome != ExchangeOutcome::Refused) {
            budget.attempts.update(attempt, now, |codes| {
                *codes = codes.saturating_sub(1);
                ((), now + ATTEMPT_LIFETIME)
            });
        }
    }
}

fn forget_older_than(times: &mut VecDeque<Duration>, period: Duration, now: Duration) {
    while times.front().is_some_and(|oldest| *oldest + period <= now) {
        times.pop_front();
    }
}

/// The refusal until the oldest of the counted exchanges is forgotten.
fn wait_for(total: &VecDeque<Duration>, now: Duration) -> ExchangeRefusal {
    let wait = total
        .front()
        .map_or(PERIOD, |oldest| *oldest + PERIOD - now);
    ExchangeRefusal::Throttled(whole_seconds(wait))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::sync::Barrier;
    use std::thread;

    use chrono::TimeDelta;

    use super::*;

    fn budget(clock: &Clock) -> Arc<ExchangeBudget> {
        budget_of(2, clock)
    }

    fn budget_of(sign_ins: u32, clock: &Clock) -> Arc<ExchangeBudget> {
        let requests = NonZeroU32::new(sign_ins).unwrap();
        let rate = Rate {
            requests,
            period: Duration::from_secs(60),
        };
        ExchangeBudget::new(Some(rate), clock)
    }

    fn clock() -> Clock {
        Clock::standing_at(Clock::system().now())
    }

    /// Each client is in an IPv4 /16 of its own.
    fn client(number: u32) -> IpAddr {
        IpAddr::from((number << 16).to_be_bytes())
    }

    fn refusal(result: Result<ExchangePermit, ExchangeRefusal>) -> Option<ExchangeRefusal> {
        result.err()
    }

    #[test]
    fn failures_count_for_the_client_and_successes_do_not() {
        let clock = clock();
        let budget = budget(&clock);
        for _ in 0..20 {
            let permit = budget.reserve(client(1), None).ok().unwrap();
            permit.settle(ExchangeOutcome::Accepted);
        }
        // Dropping the permit is what happens when the client disconnects.
        for outcome in [
            None,
            Some(ExchangeOutcome::Refused),
            Some(ExchangeOutcome::Unavailable),
        ] {
            for _ in 0..2 {
                let permit = budget.reserve(client(1), None).ok().unwrap();
                if let Some(outcome) = outcome {
                    permit.settle(outcome);
                }
            }
        }
        let throttled = Some(ExchangeRefusal::Throttled(60));
        assert_eq!(refusal(budget.reserve(client(1), None)), throttled);
        assert_eq!(refusal(budget.reserve(client(2), None)), None);
        clock.advance(TimeDelta::seconds(60));
        assert_eq!(refusal(budget.reserve(client(1), None)), None);
    }

    #[test]
    fn accepted_exchanges_have_a_wide_limit() {
        let clock = clock();
        let budget = budget(&clock);
        let accept = || {
            let permit = budget.reserve(client(1), None);
            permit.map(|permit| permit.settle(ExchangeOutcome::Accepted))
        };
        for number in 0..120 {
            assert_eq!(accept(), Ok(()), "{number}");
        }
        assert_eq!(accept(), Err(ExchangeRefusal::Throttled(60)));
        assert_eq!(refusal(budget.reserve(client(2), None)), None);
        clock.advance(TimeDelta::seconds(60));
        assert_eq!(accept(), Ok(()));
        let unlimited = ExchangeBudget::new(None, &clock);
        for _ in 0..200 {
            let permit = unlimited.reserve(client(1), None).ok().unwrap();
            permit.settle(ExchangeOutcome::Accepted);
        }
    }

    #[test]
    fn refused_codes_use_up_the_attempt_whatever_the_address() {
        let budget = budget(&clock());
        for number in 0..3 {
            let unavailable = budget.reserve(client(number), Some("attempt"));
            unavailable
                .ok()
                .unwrap()
                .settle(ExchangeOutcome::Unavailable);
            let refused = budget.reserve(client(number), Some("attempt"));
            refused.ok().unwrap().settle(ExchangeOutcome::Refused);
        }
        let used = Some(ExchangeRefusal::AttemptUsed);
        assert_eq!(refusal(budget.reserve(client(9), Some("attempt"))), used);
        assert_eq!(refusal(budget.reserve(client(9), Some("another"))), None);
    }

    #[test]
    fn concurrent_codes_of_one_attempt_are_counted_one_after_the_other() {
        const THREADS: usize = 8;
        let budget = ExchangeBudget::new(None, &clock());
        for round in 0..40 {
            let attempt = format!("attempt-{round}");
            let start = Barrier::new(THREADS);
            // Each thread keeps its permit, as a request does while the provider is asked.
            let allowed: usize = thread::scope(|scope| {
                let reserve = || {
                    start.wait();
                    budget.reserve(client(round), Some(&attempt)).ok()
                };
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(reserve)).collect();
                let permits = threads.into_iter().filter_map(|one| one.join().unwrap());
                permits.collect::<Vec<_>>().len()
            });
            assert_eq!(allowed, CODES_OF_AN_ATTEMPT, "round {round}");
        }
    }

    #[test]
    fn all_clients_together_have_a_limit_and_failing_ones_reach_it_first() {
        let budget = budget(&clock());
        for number in 0..TOTAL_OF_FAILING_CLIENTS {
            let number = u32::try_from(number / 2).unwrap();
            assert_eq!(refusal(budget.reserve(client(number), None)), None);
        }
        let throttled = Some(ExchangeRefusal::Throttled(10));
        assert_eq!(refusal(budget.reserve(client(1), None)), throttled);
        for number in TOTAL_OF_FAILING_CLIENTS..TOTAL {
            let number = u32::try_from(number).unwrap();
            assert_eq!(refusal(budget.reserve(client(number), None)), None);
        }
        assert_eq!(refusal(budget.reserve(client(9_999), None)), throttled);
    }

    #[test]
    fn a_large_network_cannot_use_up_the_exchanges_of_all_clients() {
        let budget = budget(&clock());
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
        let of_one_network =
            |number: u128| IpAddr::from(Ipv6Addr::from_bits(prefix + (number << 64)));
        let allowed = (0..2_400).filter(|number| {
            let reserved = budget.reserve(of_one_network(*number), None);
            refusal(reserved).is_none()
        });
        // A /48 may have an eighth as many as are left, and one more.
        assert_eq!(allowed.count(), TOTAL / 9 + 1);
        assert_eq!(refusal(budget.reserve(client(1), None)), None);
    }

    #[test]
    fn a_customer_leaves_exchanges_to_the_neighbours() {
        let clock = clock();
        let budget = budget_of(10, &clock);
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
        let reserve = |network: u128| {
            let address = Ipv6Addr::from_bits(prefix + (network << 64));
            refusal(budget.reserve(IpAddr::from(address), None))
        };
        for _ in 0..7 {
            // Two /64s of the customer's /56.
            let refused = (0..120).filter(|number| reserve(number % 2).is_some());
            assert!(refused.count() > 0);
            assert_eq!(reserve(256), None, "a neighbouring /56");
            clock.advance(TimeDelta::seconds(10));
        }
    }

    #[test]
    fn networks_of_a_provider_leave_the_larger_part_of_the_total_to_others() {
        let budget = budget_of(10, &clock());
        let reserve =
            |address: u128| budget.reserve(IpAddr::from(Ipv6Addr::from_bits(address)), None);
        // Eight /32s, as a /29 has: each of their requests comes from another /48.
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
        let allowed = (0..40_000_u128).filter(|number| {
            let (provider, customer) = (number % 8, number / 8);
            refusal(reserve(prefix + (provider << 96) + (customer << 80))).is_none()
        });
        assert!(allowed.count() < TOTAL);
        for number in 0..40 {
            assert_eq!(
                refusal(budget.reserve(client(number), None)),
                None,
                "{number}"
            );
        }
    }

    #[test]
    fn a_customer_leaves_the_larger_part_of_its_providers_share_to_others() {
        let budget = budget_of(10, &clock());
        let reserve =
            |address: u128| budget.reserve(IpAddr::from(Ipv6Addr::from_bits(address)), None);
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
        // Every request comes from another /48 of a /40.
        for round in 0..40_u128 {
            for customer in 0..256_u128 {
                drop(reserve(prefix + (customer << 80) + (round << 64)));
            }
        }
        for neighbour in 1..30 {
            let address = prefix + (neighbour << 88);
            assert_eq!(refusal(reserve(address)), None, "{neighbour}");
        }
    }
}
