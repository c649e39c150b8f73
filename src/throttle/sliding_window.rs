//! A sliding window, as in Django REST framework.

use std::collections::VecDeque;
use std::time::Duration;

use super::bounded_map::BoundedMap;
use super::limit_key::LimitKey;
use crate::settings::Rate;

/// At most `rate.requests` requests within any `rate.period`, times the key's factor.
pub(super) struct SlidingWindow {
    rate: Rate,
    /// How long a request is remembered.
    memory: Duration,
    times: BoundedMap<VecDeque<Duration>>,
}

impl SlidingWindow {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            memory: rate.period,
            times: BoundedMap::new(),
        }
    }

    /// Remembers requests for this long at least, for [`counted_within`](Self::counted_within).
    pub(super) fn keeping(self, memory: Duration) -> Self {
        Self {
            memory: self.memory.max(memory),
            ..self
        }
    }

    /// Whether another request is allowed; the error is the time to wait.
    pub(super) fn check(&self, key: LimitKey, now: Duration) -> Result<(), Duration> {
        let Rate { requests, period } = self.rate;
        let most = requests.get().saturating_mul(key.factor) as usize;
        self.times.read(key.hash, |times| {
            let expired = times.partition_point(|time| *time + period <= now);
            // As many of the oldest requests as exceed the limit must expire first.
            let counted = times.len() - expired;
            match counted.checked_sub(most) {
                None => Ok(()),
                Some(excess) => match times.get(expired + excess) {
                    Some(time) => Err(*time + period - now),
                    None => Ok(()),
                },
            }
        })
    }

    /// Takes back a request that was counted at this time.
    pub(super) fn forget(&self, key: LimitKey, counted_at: Duration, now: Duration) {
        let memory = self.memory;
        self.times.update(key.hash, now, |times| {
            let place = times.partition_point(|time| *time < counted_at);
            if times.get(place) == Some(&counted_at) {
                times.remove(place);
            }
            ((), times.back().map_or(now, |last| *last + memory))
        });
    }

    /// Counts a request that is allowed.
    pub(super) fn count(&self, key: LimitKey, now: Duration) {
        let memory = self.memory;
        self.times.update(key.hash, now, |times| {
            while times.front().is_some_and(|oldest| *oldest + memory <= now) {
                times.pop_front();
            }
            times.push_back(now);
            ((), now + memory)
        });
    }

    /// How many requests of this key are counted.
    pub(super) fn counted(&self, key: LimitKey, now: Duration) -> usize {
        self.counted_within(key, self.rate.period, now)
    }

    /// How many requests of this key were counted within this period.
    pub(super) fn counted_within(&self, key: LimitKey, period: Duration, now: Duration) -> usize {
        self.times.read(key.hash, |times| {
            times.len() - times.partition_point(|time| *time + period <= now)
        })
    }

    /// No longer counts the newest request of this key.
    pub(super) fn give_back(&self, key: LimitKey, now: Duration) {
        let memory = self.memory;
        self.times.update(key.hash, now, |times| {
            times.pop_back();
            ((), now + memory)
        });
    }
}
