//! A leaky bucket of wrong passwords.

use std::time::Duration;

use super::bounded_map::BoundedMap;
use super::limit_key::LimitKey;
use crate::settings::Rate;

/// A wrong password expires this many times more slowly than a sign-in. With `10/min`, ten wrong
/// passwords are allowed at once, then one a minute.
const WRONG_PASSWORD_FACTOR: u32 = 10;

/// At most `capacity` wrong passwords, of which one expires in each `interval`. A key with a factor has
/// that many times the capacity, and its wrong passwords expire that many times as fast.
pub(super) struct WrongPasswords {
    capacity: u32,
    interval: Duration,
    /// When the last of them expires.
    expires_at: BoundedMap<Duration>,
}

impl WrongPasswords {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            capacity: rate.requests.get(),
            interval: rate.period * WRONG_PASSWORD_FACTOR / rate.requests.get(),
            expires_at: BoundedMap::new(),
        }
    }

    /// Whether another password may be compared; the error is the time to wait.
    pub(super) fn check(&self, key: LimitKey, now: Duration) -> Result<(), Duration> {
        let (interval, longest) = self.limits(key);
        let expires_at = self.expires_at.read(key.hash, |expires_at| *expires_at);
        let remaining = expires_at.saturating_sub(now);
        match remaining.checked_sub(longest.saturating_sub(interval)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Counts a wrong password.
    pub(super) fn count(&self, key: LimitKey, now: Duration) {
        let (interval, longest) = self.limits(key);
        self.expires_at.update(key.hash, now, |expires_at| {
            // A full bucket does not get fuller, so that the time to wait is bounded.
            *expires_at = ((*expires_at).max(now) + interval).min(now + longest);
            ((), *expires_at)
        });
    }

    /// Takes back one password that was counted and was not wrong.
    pub(super) fn forget(&self, key: LimitKey, now: Duration) {
        let (interval, _) = self.limits(key);
        self.expires_at.update(key.hash, now, |expires_at| {
            *expires_at = expires_at.saturating_sub(interval);
            ((), *expires_at)
        });
    }

    /// How long one wrong password counts, and how long a full bucket takes to be empty.
    fn limits(&self, key: LimitKey) -> (Duration, Duration) {
        let interval = self.interval / key.factor;
        (
            interval,
            interval * self.capacity.saturating_mul(key.factor),
        )
    }
}
