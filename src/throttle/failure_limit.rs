//! A limit of failed requests, with a wide limit of successful ones.
//!
//! Offices and mobile networks share an address, so the limit that stops guessing must not count what
//! succeeds.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::limit_key::LimitKey;
use super::sliding_window::SlidingWindow;
use crate::clock::Clock;
use crate::settings::Rate;

/// This many times as many requests may succeed as may fail.
const SUCCESS_FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Counts requests, each as failed until it is known to have succeeded.
pub(super) struct FailureLimit {
    failures: SlidingWindow,
    successes: SlidingWindow,
}

/// A request that counts as failed until [`succeeded`](Self::succeeded) is called, so that concurrent
/// requests cannot exceed the limit, and also if the client goes away.
pub struct CountedRequest {
    limit: Arc<FailureLimit>,
    keys: Vec<LimitKey>,
    counted_at: Duration,
    clock: Clock,
}

impl FailureLimit {
    pub(super) fn new(failures: Rate) -> Self {
        let successes = Rate {
            requests: failures.requests.saturating_mul(SUCCESS_FACTOR),
            ..failures
        };
        Self {
            failures: SlidingWindow::new(failures),
            successes: SlidingWindow::new(successes),
        }
    }

    /// Counts a request as failed unless one of the limits is reached; the error is the time to wait.
    pub(super) fn count(
        self: &Arc<Self>,
        keys: &[LimitKey],
        clock: &Clock,
    ) -> Result<CountedRequest, Duration> {
        let now = clock.elapsed();
        // Nothing is counted if one of the limits is reached: neither the other networks nor new keys.
        for key in keys {
            self.failures.check(*key, now)?;
            self.successes.check(*key, now)?;
        }
        keys.iter().for_each(|key| self.failures.count(*key, now));
        Ok(CountedRequest {
            limit: Arc::clone(self),
            keys: keys.to_vec(),
            counted_at: now,
            clock: clock.clone(),
        })
    }
}

impl CountedRequest {
    /// No longer counts the request, which was no attempt: a field was missing or invalid. Otherwise
    /// somebody could keep everybody else at the same address from signing in, without a single attempt.
    pub fn withdraw(self) {
        let now = self.clock.elapsed();
        for key in &self.keys {
            self.limit.failures.forget(*key, self.counted_at, now);
        }
    }

    /// Counts the request as successful instead.
    pub fn succeeded(self) {
        let now = self.clock.elapsed();
        for key in &self.keys {
            self.limit.failures.forget(*key, self.counted_at, now);
            self.limit.successes.count(*key, now);
        }
    }
}
