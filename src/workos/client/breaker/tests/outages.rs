//! Random outages of WorkOS in simulated time: how long the breaker stays open after WorkOS is whole.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::super::renewal::AdmittedRenewal;
use super::super::state::{Admission, BreakerState};
use super::super::{FailedRequest, RefreshTokenState};
use super::{busy_server, lost};
use crate::ids::UserId;
use crate::workos::error::WorkosError;

/// The length of a step of the simulation.
const STEP: u64 = 100;
/// How often each user asks for a renewal.
const ASK_INTERVAL: u64 = 5_000;
/// How often renewals are repeated whose response was lost.
const RECOVERY_INTERVAL: u64 = 200;
/// For how long WorkOS repeats a response.
const REPLAY_WINDOW: u64 = 30_000;
/// The simulation ends if the breaker is open for so long after the outage.
const LIMIT: u64 = 120_000;

/// xorshift64, so that a seed always gives the same outage.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// `true` in so many of a thousand cases.
    fn happens(&mut self, of_thousand: u64) -> bool {
        self.below(1_000) < of_thousand
    }
}

struct Running {
    ends_at: u64,
    renewal: AdmittedRenewal,
    failure: Option<WorkosError>,
}

/// An outage. Times are in milliseconds.
struct Simulation {
    numbers: Numbers,
    state: BreakerState,
    now: u64,
    /// When WorkOS is whole again.
    whole_at: u64,
    users: u64,
    /// Of a thousand requests during the outage.
    answered: u64,
    /// Of a thousand failures.
    replies_lost: u64,
    /// Of a thousand steps.
    sign_ins_answered: u64,
    time_of_answer: u64,
    time_of_failure: u64,
    running: BTreeMap<u64, Running>,
    /// The accounts with a session whose response was lost, and when it was.
    lost: BTreeMap<u64, u64>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..5 {
            numbers.below(1);
        }
        Self {
            state: BreakerState::default(),
            now: 0,
            users: 1 + numbers.below(40),
            whole_at: 5_000 + numbers.below(100_000),
            answered: numbers.below(300),
            replies_lost: numbers.below(700),
            sign_ins_answered: numbers.below(8),
            time_of_answer: 50 + numbers.below(300),
            time_of_failure: 50 + numbers.below(4_000),
            running: BTreeMap::new(),
            lost: BTreeMap::new(),
            numbers,
        }
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    fn is_whole(&self) -> bool {
        self.now >= self.whole_at
    }

    /// Returns after how many milliseconds of a whole WorkOS the breaker was closed.
    fn run(mut self) -> u64 {
        while self.now < self.whole_at + LIMIT {
            self.end_renewals();
            if !self.is_whole() && self.numbers.happens(self.sign_ins_answered) {
                self.state.record_answer(None, self.elapsed());
            }
            if self.is_whole() && self.state.outage.is_none() {
                break;
            }
            if self.now.is_multiple_of(RECOVERY_INTERVAL) {
                self.recover_lost();
            }
            for user in 0..self.users {
                if (self.now + user * 700).is_multiple_of(ASK_INTERVAL) {
                    self.ask(user, RefreshTokenState::Fresh);
                }
            }
            self.now += STEP;
        }
        self.now - self.whole_at
    }

    fn end_renewals(&mut self) {
        let now = self.elapsed();
        let ended = self.running.extract_if(.., |_, it| it.ends_at <= self.now);
        for (user, ended) in ended {
            match &ended.failure {
                None => {
                    self.state.record_answer(Some(&ended.renewal), now);
                    self.lost.remove(&user);
                }
                Some(error) => {
                    let failed = FailedRequest {
                        error,
                        is_repeated: false,
                        is_own: false,
                    };
                    self.state.record_failure(&ended.renewal, &failed, now);
                    if error.is_lost() {
                        self.lost.entry(user).or_insert(self.now);
                    }
                }
            }
            self.state.end_renewal(&ended.renewal);
        }
    }

    /// What `renewal/recovery.rs` does.
    fn recover_lost(&mut self) {
        let now = self.elapsed();
        let outage = self.state.outage.as_ref();
        if outage.is_some_and(|outage| outage.probes.is_pausing(now)) {
            return;
        }
        let is_outage = outage.is_some();
        let account = |user: &u64| UserId::from(*user as i64);
        let is_repeated = |at: &u64| self.now - at <= REPLAY_WINDOW;
        let repeated = self.lost.iter().filter(|(_, at)| is_repeated(at));
        let mut users: Vec<u64> = repeated.map(|(user, _)| *user).collect();
        let mut token = RefreshTokenState::Repeatable;
        if users.is_empty() {
            let failing = &self.state.accounts;
            let is_probe = |user: &u64| is_outage || failing.is_failing(account(user), now);
            users = self.lost.keys().copied().filter(is_probe).collect();
            token = RefreshTokenState::Lost;
        }
        self.state.lost = users.iter().map(account).collect::<HashSet<_>>();
        for user in users {
            if !self.ask(user, token) {
                break;
            }
        }
    }

    /// Returns `false` if no other renewal can be admitted either.
    fn ask(&mut self, user: u64, token: RefreshTokenState) -> bool {
        if self.running.contains_key(&user) {
            return true;
        }
        let now = self.elapsed();
        let renewal = match self.state.admit((user as i64).into(), token, now) {
            Admission::Admitted(renewal) => renewal,
            Admission::Refused(_) => return true,
            Admission::Full | Admission::LeftToOthers => return false,
        };
        let (time, failure) = match self.is_whole() || self.numbers.happens(self.answered) {
            true => (self.time_of_answer, None),
            false if self.numbers.happens(self.replies_lost) => {
                (self.time_of_failure, Some(lost()))
            }
            false => (self.time_of_failure, Some(busy_server())),
        };
        let running = Running {
            ends_at: self.now + time,
            renewal,
            failure,
        };
        self.running.insert(user, running);
        true
    }
}

#[test]
fn no_outage_lasts_much_longer_than_that_of_workos() {
    let outages = 1..=200;
    let slow: Vec<_> = outages
        .map(|seed| (seed, Simulation::new(seed).run()))
        .filter(|(_, lasted)| *lasted > 15_000)
        .collect();
    assert!(slow.is_empty(), "seed, milliseconds: {slow:?}");
}
