//! What a poller remembers from one poll to the next.

/// The largest number of events of a page, which is WorkOS's maximum.
const LARGEST_PAGE: usize = 100;
/// How often an event is tried while the database accepts other changes. Then the later events matter more.
const ATTEMPTS: u32 = 5;

/// The size of the next page, and the event that could not be applied.
pub(super) struct PollMemory {
    page_size: usize,
    /// The id of the event, and how often it was tried.
    failing: Option<(String, u32)>,
}

impl Default for PollMemory {
    fn default() -> Self {
        Self {
            page_size: LARGEST_PAGE,
            failing: None,
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

    /// Counts an attempt to apply this event.
    pub(super) fn count_failure(&mut self, id: String) {
        let before = self.failing.take().filter(|(failing, _)| *failing == id);
        let attempts = before.map_or(0, |(_, attempts)| attempts);
        self.failing = Some((id, attempts + 1));
    }

    /// Whether the attempt that has failed now is the last one for this event.
    pub(super) fn is_last_attempt(&self, id: &str) -> bool {
        let failing = self.failing.as_ref();
        failing.is_some_and(|(failing, attempts)| failing == id && attempts + 1 >= ATTEMPTS)
    }
}
