//! Captures this process's log, for tests of log messages.

use std::sync::{Mutex, Once, PoisonError};

use authkit_emulator::Gate;
use futures_util::future::join;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::renewal::eventually;

struct CapturedLog(Mutex<Vec<String>>);

static LOG: CapturedLog = CapturedLog(Mutex::new(Vec::new()));
static START: Once = Once::new();

impl Log for CapturedLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.level() > Level::Info && !record.target().starts_with("vestibule") {
            return;
        }
        let line = format!("{} {}", record.level(), record.args());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    fn flush(&self) {}
}

/// Captures the log from now on. All apps of this process share one log: assert only on messages that
/// no other test can cause.
pub(crate) fn capture() {
    START.call_once(|| {
        log::set_logger(&LOG).expect("no other logger in the tests");
        log::set_max_level(LevelFilter::Debug);
    });
}

/// The number of captured lines that contain this text.
pub(crate) fn count_lines(text: &str) -> usize {
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(text)).count()
}

/// The captured lines that contain this text, the oldest first.
pub(crate) fn lines_with(text: &str) -> Vec<String> {
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    let found = lines.iter().filter(|line| line.contains(text));
    found.cloned().collect()
}

/// Whether a captured line contains both texts.
pub(crate) fn has_line_with(one: &str, other: &str) -> bool {
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .any(|line| line.contains(one) && line.contains(other))
}

/// Runs `second`, a request that waits for the one whose response `gate` holds, and opens the gate when
/// `second` is known to wait.
pub(crate) async fn open_when<T>(
    gate: &Gate,
    second_waits: impl FnMut() -> bool,
    second: impl Future<Output = T>,
) -> T {
    let open = async {
        eventually(second_waits).await;
        gate.open();
    };
    join(second, open).await.0
}
