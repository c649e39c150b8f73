//! The log of this process, for tests of what an operator is told.

use std::sync::{Mutex, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));
static START: Once = Once::new();

impl Log for Kept {
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

/// Keeps what is logged from now on; every app of this process writes into the same log, so
/// look for what only one test can have caused.
pub(crate) fn keep() {
    START.call_once(|| {
        log::set_logger(&KEPT).expect("no other logger in the tests");
        log::set_max_level(LevelFilter::Info);
    });
}

/// How many lines with this text were written.
pub(crate) fn count(text: &str) -> usize {
    let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(text)).count()
}

/// Whether one line with both texts was written.
pub(crate) fn has_both(one: &str, other: &str) -> bool {
    let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .any(|line| line.contains(one) && line.contains(other))
}
