//! Captures this process's log, for tests of log messages.

use std::sync::{Mutex, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

struct CapturedLog(Mutex<Vec<String>>);

static LOG: CapturedLog = CapturedLog(Mutex::new(Vec::new()));
static START: Once = Once::new();

impl Log for CapturedLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
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
        log::set_max_level(LevelFilter::Info);
    });
}

/// The number of captured lines that contain this text.
pub(crate) fn count_lines(text: &str) -> usize {
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(text)).count()
}

/// Whether a captured line contains both texts.
pub(crate) fn has_line_with(one: &str, other: &str) -> bool {
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .any(|line| line.contains(one) && line.contains(other))
}
