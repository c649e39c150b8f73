//! The clock of the hashing threads.

use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measures a hashing thread, and lets it wait. A test can replace it.
pub trait SlotClock: Send + Sync {
    /// The CPU time of this thread so far. Unlike elapsed time, it does not depend on other work of the
    /// machine.
    fn cpu_time(&self) -> Duration;

    /// The time since an arbitrary point in the past.
    fn elapsed(&self) -> Duration;

    /// Waits without using the CPU.
    fn sleep(&self, duration: Duration);
}

/// The clock of the machine.
pub(super) struct SystemSlotClock {
    start: Instant,
}

impl SystemSlotClock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl SlotClock for SystemSlotClock {
    fn cpu_time(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}
