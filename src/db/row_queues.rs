//! Limits how many transactions that need the same rows run at a time. If one account's row is locked, its further
//! requests wait here, and connections remain for everybody else.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::error::DbError;
use super::lane::{Permit, acquire};

/// How many transactions of one queue run at a time in this process.
const AT_A_TIME: usize = 2;
/// The queues that nobody uses are removed when there are twice as many as after the last removal, and at least
/// this many.
const FEW: usize = 64;

/// Which rows a transaction needs: the hash of the id of an account, a session or another user's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RowKey(u64);

/// The transactions that run or wait, by the rows that they need.
#[derive(Default)]
pub(super) struct RowQueues {
    hasher: RandomState,
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    by_key: HashMap<RowKey, Arc<Semaphore>>,
    limit: usize,
}

impl RowQueues {
    pub(super) fn key(&self, id: impl Hash) -> RowKey {
        RowKey(self.hasher.hash_one(id))
    }

    /// Waits until fewer than two transactions with this key run.
    pub(super) async fn enter(&self, key: RowKey) -> Result<Permit, DbError> {
        let queue = self.queues.lock().get(key);
        acquire(&queue, "other requests for the same rows were not finished").await
    }
}

impl Queues {
    fn get(&mut self, key: RowKey) -> Arc<Semaphore> {
        if self.by_key.len() >= self.limit {
            // A permit holds its queue.
            self.by_key.retain(|_, queue| Arc::strong_count(queue) > 1);
            self.limit = FEW.max(2 * self.by_key.len());
        }
        let new = || Arc::new(Semaphore::new(AT_A_TIME));
        Arc::clone(self.by_key.entry(key).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn two_transactions_of_a_key_run_at_a_time() {
        let queues = RowQueues::default();
        let (ada, olive) = (queues.key("ada"), queues.key("olive"));
        let first = queues.enter(ada).await.unwrap();
        let _second = queues.enter(ada).await.unwrap();
        let _other = queues.enter(olive).await.unwrap();
        let mut third = Box::pin(queues.enter(ada));
        let polled = third.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        drop(first);
        drop(third.await.unwrap());
    }

    #[tokio::test]
    async fn queues_that_nobody_uses_are_removed() {
        let queues = RowQueues::default();
        let ada = queues.key("ada");
        let held = queues.enter(ada).await.unwrap();
        for number in 0..1_000 {
            drop(queues.enter(queues.key(number)).await.unwrap());
        }
        let queues = queues.queues.lock();
        assert!(queues.by_key.len() <= FEW);
        assert!(queues.by_key.contains_key(&ada));
        drop(held);
    }
}
