//! What a poller remembers from one poll to the next.

use std::collections::VecDeque;
use std::time::Duration;

/// The largest number of events of a page, which is WorkOS's maximum.
const LARGEST_PAGE: usize = 100;
/// For how long an event is tried while the database accepts other changes.
const LONGEST_FAILURE: Duration = Duration::from_secs(600);
/// The largest number of failing events that are remembered. A poll has fewer.
const MOST_FAILING: usize = 50;

/// The size of the next page, and the events that could not be applied.
pub(super) struct PollMemory {
    page_size: usize,
    /// The id of each event, and since when it fails by [`Clock::elapsed`](crate::clock::Clock::elapsed). The oldest
    /// first.
    failing: VecDeque<(String, Duration)>,
}

impl Default for PollMemory {
    fn default() -> Self {
        Self {
            page_size: LARGEST_PAGE,
            failing: VecDeque::new(),
        }
    }
}

impl PollMemory {
    /// The number of events of the next page.
    pub(super) fn page_size(&self) -> usize {
        self.page_size
    }

    /// Makes the next page smaller after a failure, because the response may have been too large, and larger again
    /// after a success.
    pub(super) fn adapt_page_size(&mut self, is_read: bool) {
        self.page_size = match is_read {
            true => (self.page_size * 2).min(LARGEST_PAGE),
            false => (self.page_size / 10).max(1),
        };
    }

    /// Records that this event could not be applied. Returns whether it has failed for too long.
    pub(super) fn is_hopeless(&mut self, id: &str, now: Duration) -> bool {
        if let Some((_, since)) = self.failing.iter().find(|(failing, _)| failing == id) {
            return now.saturating_sub(*since) >= LONGEST_FAILURE;
        }
        if self.failing.len() >= MOST_FAILING {
            self.failing.pop_front();
        }
        self.failing.push_back((id.to_owned(), now));
        false
    }

    /// Records that this event was applied.
    pub(super) fn forget_failure(&mut self, id: &str) {
        self.failing.retain(|(failing, _)| failing != id);
    }
}
