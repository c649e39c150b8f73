//! A limit on the bytes of all requests that have arrived and are not answered, and of all responses that are not
//! read. Without it, clients that never complete their requests, or read no response, could use up the memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::logging::RepeatedWarning;

/// The bytes of a request that are not counted. A request without a large body or many cookies has fewer, so
/// that it is never refused.
pub(super) const UNCOUNTED: usize = 16 * 1024;
/// The most bytes that are counted for one connection: headers and body are no larger, and what follows a
/// refused body is not kept.
const MOST_OF_A_CONNECTION: usize = 192 * 1024;
/// What is counted for a response that the client does not read: the most that actix-web keeps of it (measured).
const UNREAD_RESPONSE: usize = 64 * 1024;

/// The counted bytes of all connections.
pub(super) struct BufferBudget {
    most: usize,
    used: AtomicUsize,
    used_up: RepeatedWarning,
}

impl BufferBudget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            used: AtomicUsize::new(0),
            used_up: RepeatedWarning::new(module_path!()),
        }
    }

    /// Counts a connection on which this many bytes have arrived, and of which `counted` have been counted.
    /// Returns how many are counted now; `None` if all connections together have too many.
    pub(super) fn count(&self, received: usize, counted: usize) -> Option<usize> {
        let to_count = received.saturating_sub(UNCOUNTED).min(MOST_OF_A_CONNECTION);
        let more = to_count.saturating_sub(counted);
        if more == 0 {
            return Some(counted);
        }
        self.take(more).then_some(to_count)
    }

    /// Counts a response that the client does not read. Returns how many bytes are counted; `None` if all connections
    /// together have too many.
    pub(super) fn count_unread_response(&self) -> Option<usize> {
        self.take(UNREAD_RESPONSE).then_some(UNREAD_RESPONSE)
    }

    fn take(&self, more: usize) -> bool {
        let used = self.used.fetch_add(more, Ordering::AcqRel) + more;
        if used <= self.most {
            return true;
        }
        self.give_back(more);
        self.used_up.log(|repeated| {
            format!("too many large requests are arriving, or too many responses are not read, so connections are closed{repeated}")
        });
        false
    }

    /// No longer counts these bytes.
    pub(super) fn give_back(&self, counted: usize) {
        self.used.fetch_sub(counted, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_requests_are_not_counted_and_large_ones_up_to_the_limit() {
        let budget = BufferBudget::new(100);
        assert_eq!(budget.count(UNCOUNTED, 0), Some(0));
        assert_eq!(budget.count(UNCOUNTED + 60, 0), Some(60));
        assert_eq!(budget.count(UNCOUNTED + 90, 60), Some(90));
        assert_eq!(budget.count(UNCOUNTED + 11, 0), None);
        assert_eq!(budget.count(UNCOUNTED + 10, 0), Some(10));
        budget.give_back(90);
        assert_eq!(budget.count(UNCOUNTED + 90, 0), Some(90));
        assert_eq!(budget.used.load(Ordering::Acquire), 100);
    }

    #[test]
    fn one_connection_cannot_use_up_the_budget() {
        let budget = BufferBudget::new(2 * MOST_OF_A_CONNECTION);
        assert_eq!(budget.count(usize::MAX, 0), Some(MOST_OF_A_CONNECTION));
    }
}
