//! A map with expiring values and a bounded number of keys.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first half of a SHA-256 hash.
pub(super) type KeyHash = [u8; 16];

/// With fewer keys than this, expired values are not removed.
const MIN_CLEANUP_SIZE: usize = 1_024;
/// The maximum number of keys: about 20 MB with ten times for each key. Further keys are not limited. An
/// attacker with more addresses cannot be stopped by a limit per address, and rejecting new keys would
/// lock out everybody else.
const MAX_KEYS: usize = 100_000;
/// The minimum time between two cleanups.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(1);

/// Values by key. All times are durations since the start of the clock.
pub(super) struct BoundedMap<V>(Mutex<Entries<V>>);

struct Entries<V> {
    /// The values, and when each expires.
    values: HashMap<KeyHash, (V, Duration)>,
    /// With this many keys, expired values are removed.
    cleanup_size: usize,
    cleaned_up_at: Option<Duration>,
}

impl<V: Default> BoundedMap<V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Entries {
            values: HashMap::new(),
            cleanup_size: MIN_CLEANUP_SIZE,
            cleaned_up_at: None,
        }))
    }

    /// Reads the value of a key, or the default value if it is missing.
    pub(super) fn read<T>(&self, key: KeyHash, read: impl FnOnce(&V) -> T) -> T {
        match self.entries().values.get(&key) {
            Some((value, _)) => read(value),
            None => read(&V::default()),
        }
    }

    /// Updates the value of a key, which is created if it is missing; `change` also returns when the value
    /// expires.
    pub(super) fn update<T>(
        &self,
        key: KeyHash,
        now: Duration,
        change: impl FnOnce(&mut V) -> (T, Duration),
    ) -> T {
        let mut entries = self.entries();
        entries.clean_up(now);
        if entries.values.len() >= MAX_KEYS && !entries.values.contains_key(&key) {
            return change(&mut V::default()).0;
        }
        let (value, expires_at) = entries.values.entry(key).or_default();
        let (result, until) = change(value);
        *expires_at = until;
        result
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries().values.len()
    }

    /// Ignores poisoning: a panic cannot leave the map inconsistent.
    fn entries(&self) -> MutexGuard<'_, Entries<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Entries<V> {
    fn clean_up(&mut self, now: Duration) {
        let is_due = |at: Duration| now.saturating_sub(at) >= CLEANUP_INTERVAL;
        if self.values.len() >= self.cleanup_size && self.cleaned_up_at.is_none_or(is_due) {
            self.values.retain(|_, (_, until)| *until > now);
            // Twice the remaining keys, so that the cost of a cleanup is constant for each new key.
            self.cleanup_size = (self.values.len() * 2).clamp(MIN_CLEANUP_SIZE, MAX_KEYS);
            self.cleaned_up_at = Some(now);
        }
    }
}
