//! Whether the database can be written to, for the readiness probe.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::error::DbError;
use super::faults::Faults;

/// How long the result of a probe is used again, however many ask.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a probe may take. A commit that waits for a synchronous standby has no other limit.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the last writes and the last probe found.
#[derive(Default)]
pub(super) struct Readiness {
    /// A write or a probe has failed, and no probe has succeeded since.
    write_failed: AtomicBool,
    /// Counts the writes that contradict the last probe, which is then not used again.
    contradictions: AtomicU64,
    last: Mutex<Option<Probe>>,
}

struct Probe {
    began: Instant,
    contradictions: u64,
    outcome: Result<bool, String>,
}

impl Readiness {
    /// Whether a write or a probe has failed, and no probe has succeeded since.
    pub(super) fn write_failed(&self) -> bool {
        self.write_failed.load(Ordering::Relaxed)
    }

    /// Notes whether a write was successful, and what went wrong in it. A transaction that rolled back without a
    /// failure of the database says nothing.
    pub(super) fn note_write(&self, is_successful: bool, faults: Faults) {
        let is_contradiction = if is_successful {
            self.write_failed()
        } else {
            let failures = Faults::CLOSED.or(Faults::READ_ONLY).or(Faults::OTHER);
            faults.any_of(failures) && !self.write_failed.swap(true, Ordering::Relaxed)
        };
        if is_contradiction {
            self.contradictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the result of a probe that began a moment ago, or runs `probe`. One runs at a time.
    pub(super) async fn ask(
        &self,
        probe: impl Future<Output = Result<bool, DbError>>,
    ) -> Result<bool, DbError> {
        let mut last = self.last.lock().await;
        let contradictions = self.contradictions.load(Ordering::Relaxed);
        if let Some(last) = &*last
            && last.contradictions == contradictions
            && last.began.elapsed() < PROBE_INTERVAL
        {
            return last.outcome.clone().map_err(DbError::Unavailable);
        }
        let began = Instant::now();
        let outcome = match tokio::time::timeout(PROBE_TIMEOUT, probe).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::Unavailable(format!(
                "no answer within {PROBE_TIMEOUT:?}"
            ))),
        };
        // A write that is successful after a failed probe contradicts it.
        self.write_failed.store(outcome.is_err(), Ordering::Relaxed);
        *last = Some(Probe {
            began,
            contradictions,
            outcome: outcome.as_ref().copied().map_err(ToString::to_string),
        });
        outcome
    }
}
