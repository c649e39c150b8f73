//! When renewals probe whether WorkOS answers again: one at a time, with pauses in between that double.

use std::time::Duration;

use crate::random::random_fraction;

/// The time until the first probe. It doubles with each further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between probes. WorkOS repeats a lost answer for half a minute, in which several probes
/// must fit, and sessions must be renewed within seconds after an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The result of the last probe is not relied on for longer than this.
const PROBE_LIFETIME: Duration = Duration::from_secs(15);

/// The schedule of probes. Times are those of [`Clock::elapsed`](crate::clock::Clock::elapsed).
pub(super) struct ProbeSchedule {
    /// The time after the last probe until the next one.
    pause: Duration,
    next_at: Duration,
    /// The number of the probe that is running.
    running: Option<u64>,
}

impl ProbeSchedule {
    /// The schedule of an outage that begins at `now`.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            pause: FIRST_PAUSE,
            next_at: now + with_jitter(FIRST_PAUSE),
            running: None,
        }
    }

    /// Whether a probe is running, or it is too early for the next one.
    pub(super) fn is_pausing(&self, now: Duration) -> bool {
        self.running.is_some() || now < self.next_at
    }

    /// After how long to ask again for a probe.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        self.next_at.saturating_sub(now).max(FIRST_PAUSE)
    }

    pub(super) fn begin(&mut self, probe: u64) {
        self.running = Some(probe);
    }

    pub(super) fn is_running(&self, probe: Option<u64>) -> bool {
        probe.is_some() && probe == self.running
    }

    /// Ends a probe that has failed.
    pub(super) fn fail(&mut self, now: Duration) {
        self.running = None;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.next_at = now + with_jitter(self.pause);
    }

    /// Ends this probe if it is running. Nothing was sent.
    pub(super) fn cancel(&mut self, probe: Option<u64>) {
        if self.is_running(probe) {
            self.running = None;
        }
    }

    /// There is no probe before this time.
    pub(super) fn postpone_until(&mut self, time: Duration) {
        self.next_at = self.next_at.max(time);
    }

    /// The next probe need not be later than this time.
    pub(super) fn bring_forward_to(&mut self, time: Duration) {
        self.next_at = self.next_at.min(time);
    }
}

/// Whether the next request is likely to fail too.
pub(super) fn is_failure_recent(failed_at: Duration, now: Duration) -> bool {
    now.saturating_sub(failed_at) < PROBE_LIFETIME
}

/// At least half of the pause, so that replicas do not probe at the same time.
fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + random_fraction() / 2.0)
}
