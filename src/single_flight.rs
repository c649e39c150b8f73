//! Single-flight: concurrent callers with the same key share one operation. The first caller runs
//! it; the others receive its progress.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

type Running<K, S> = Arc<Mutex<HashMap<K, watch::Receiver<S>>>>;

/// The operations that are running in this process, by key. `S` is the progress of an operation; its
/// default value is the progress of one that has just begun. Clones share the operations.
#[derive(Debug)]
pub struct SingleFlight<K, S> {
    running: Running<K, S>,
}

/// The task to run an operation. When it is dropped, the operation is over, whether it was completed
/// or not, and the next caller begins another.
#[derive(Debug)]
pub struct FlightLeader<K: Eq + Hash, S> {
    running: Running<K, S>,
    key: K,
    progress: watch::Sender<S>,
}

impl<K, S> Default for SingleFlight<K, S> {
    fn default() -> Self {
        Self {
            running: Arc::default(),
        }
    }
}

impl<K, S> Clone for SingleFlight<K, S> {
    fn clone(&self) -> Self {
        Self {
            running: Arc::clone(&self.running),
        }
    }
}

impl<K, S> SingleFlight<K, S> {
    /// Whether no operation is running.
    pub fn is_idle(&self) -> bool {
        self.running.lock().is_empty()
    }
}

impl<K: Clone + Eq + Hash, S: Default> SingleFlight<K, S> {
    /// Joins the operation with this key. Returns its progress and, if no such operation is running,
    /// the [`FlightLeader`] with which the caller has to run it.
    pub fn join(&self, key: K) -> (watch::Receiver<S>, Option<FlightLeader<K, S>>) {
        match self.running.lock().entry(key) {
            Entry::Occupied(running) => (running.get().clone(), None),
            Entry::Vacant(free) => {
                let (progress, receiver) = watch::channel(S::default());
                let leader = FlightLeader {
                    running: Arc::clone(&self.running),
                    key: free.key().clone(),
                    progress,
                };
                free.insert(receiver.clone());
                (receiver, Some(leader))
            }
        }
    }
}

impl<K: Eq + Hash, S> FlightLeader<K, S> {
    /// The key of the operation.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Tells the waiting callers how far the operation is.
    pub fn report(&self, progress: S) {
        self.progress.send_replace(progress);
    }

    /// Tells the waiting callers the result and ends the operation.
    pub fn complete(self, result: S) {
        self.report(result);
    }
}

impl<K: Eq + Hash, S> Drop for FlightLeader<K, S> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_with_the_same_key_share_one_flight() {
        let flights = SingleFlight::<&str, Option<u8>>::default();
        let (_, first) = flights.join("a");
        let (shared, second) = flights.join("a");
        let (_, other) = flights.join("b");
        assert!(second.is_none() && other.is_some());
        first.unwrap().complete(Some(1));
        assert_eq!(*shared.borrow(), Some(1));
        assert!(flights.join("a").1.is_some(), "the next caller begins anew");
    }

    #[test]
    fn a_flight_that_is_dropped_ends_the_operation() {
        let flights = SingleFlight::<&str, Option<u8>>::default();
        let (_, first) = flights.join("a");
        let (shared, _) = flights.join("a");
        drop(first);
        assert!(shared.has_changed().is_err(), "its sender is gone");
        assert!(flights.join("a").1.is_some());
    }
}
