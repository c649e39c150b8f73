//! What the throttle remembers of each key: for as long as it matters, and of so many keys.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Half of a SHA-256.
pub(super) type Fingerprint = [u8; 16];

/// Fewer keys than this are not worth looking through.
const FEW: usize = 1_024;
/// About 20 MB with ten times for each. Whoever asks from more addresses at once than this is not
/// stopped by a limit for each address; refusing those that are new would only shut out everybody else.
const MOST: usize = 100_000;
/// How often a full memory is looked through.
const PAUSE: Duration = Duration::from_secs(1);

/// Values by key. Times are those that have passed since the clock began.
pub(super) struct Memory<V>(Mutex<Kept<V>>);

struct Kept<V> {
    /// And when each no longer matters.
    values: HashMap<Fingerprint, (V, Duration)>,
    /// With so many keys, those that no longer matter are forgotten.
    full: usize,
    looked_at: Option<Duration>,
}

impl<V: Default + Clone> Memory<V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kept {
            values: HashMap::new(),
            full: FEW,
            looked_at: None,
        }))
    }

    pub(super) fn get(&self, key: Fingerprint) -> Option<V> {
        self.kept().values.get(&key).map(|(value, _)| value.clone())
    }

    /// Changes the value of a key, or makes one; `change` also says until when it matters.
    pub(super) fn change<T>(
        &self,
        key: Fingerprint,
        now: Duration,
        change: impl FnOnce(&mut V) -> (T, Duration),
    ) -> T {
        let mut kept = self.kept();
        kept.make_room(now);
        if kept.values.len() >= MOST && !kept.values.contains_key(&key) {
            return change(&mut V::default()).0;
        }
        let (value, matters_until) = kept.values.entry(key).or_default();
        let (answer, until) = change(value);
        *matters_until = until;
        answer
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().values.len()
    }

    /// A thread that panicked left nothing half-done here.
    fn kept(&self) -> MutexGuard<'_, Kept<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Kept<V> {
    fn make_room(&mut self, now: Duration) {
        let rested = |at: Duration| now.saturating_sub(at) >= PAUSE;
        if self.values.len() >= self.full && self.looked_at.is_none_or(rested) {
            self.values.retain(|_, (_, until)| *until > now);
            // Twice what is left: looking through is then paid for by as many new keys.
            self.full = (self.values.len() * 2).clamp(FEW, MOST);
            self.looked_at = Some(now);
        }
    }
}
