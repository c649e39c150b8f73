//! The emulator's clock: the system clock or a fixed time, plus an offset that tests can increase.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch, or between two times.
pub(crate) type Millis = i64;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Replaces the system clock.
    fixed_time: Option<SystemTime>,
    offset: AtomicI64,
}

impl Clock {
    /// The system clock, or a clock that shows `fixed_time` until it is advanced.
    pub(crate) fn new(fixed_time: Option<SystemTime>) -> Self {
        Self {
            fixed_time,
            offset: AtomicI64::default(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        let since_epoch = self
            .fixed_time
            .unwrap_or_else(SystemTime::now)
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        to_millis(since_epoch).saturating_add(self.offset.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.offset.fetch_add(to_millis(by), Ordering::SeqCst);
    }
}

/// Converts a duration to the unit of [`Clock::now`].
pub(crate) fn to_millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

/// Formats a time as WorkOS does: `2026-01-15T12:00:00.000Z`.
pub(crate) fn to_iso(time: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(time)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_the_clock_changes_the_current_time() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(600));
        assert!(clock.now() >= before + 600_000);
    }

    #[test]
    fn a_clock_with_a_fixed_time_changes_only_when_it_is_advanced() {
        let clock = Clock::new(Some(UNIX_EPOCH + Duration::from_secs(1_768_478_400)));
        assert_eq!(clock.now(), 1_768_478_400_000);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), 1_768_478_401_000);
    }

    #[test]
    fn times_are_formatted_as_workos_formats_them() {
        assert_eq!(to_iso(1_768_478_400_000), "2026-01-15T12:00:00.000Z");
    }
}
