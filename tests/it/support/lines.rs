//! Reads the output of a program line by line while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::program::HANG_TIMEOUT;

/// The lines of a program's standard output or standard error.
pub(super) struct Lines {
    shared: Arc<(Mutex<SeenLines>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct SeenLines {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub(super) fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let shared = Arc::new((Mutex::new(SeenLines::default()), Condvar::new()));
        let Some(stream) = stream else {
            shared.0.lock().expect("a lock").ended = true;
            return Self {
                shared,
                thread: None,
            };
        };
        let writer = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while matches!(stream.read_until(b'\n', &mut bytes), Ok(read) if read > 0) {
                let line = String::from_utf8_lossy(&bytes);
                let line = line.trim_end_matches('\n').to_owned();
                writer.0.lock().expect("a lock").lines.push(line);
                writer.1.notify_all();
                bytes.clear();
            }
            writer.0.lock().expect("a lock").ended = true;
            writer.1.notify_all();
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Waits for a line for which `matches` is true.
    pub(super) fn line(
        &self,
        matches: impl Fn(&str) -> bool,
        diagnostics: impl Fn() -> String,
    ) -> String {
        let until = Instant::now() + HANG_TIMEOUT;
        let mut read = self.shared.0.lock().expect("a lock");
        loop {
            if let Some(line) = read.lines.iter().find(|line| matches(line)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if read.ended || left.is_zero() {
                drop(read);
                panic!("no such line: {}", diagnostics());
            }
            read = self.shared.1.wait_timeout(read, left).expect("a lock").0;
        }
    }

    /// All lines so far.
    pub(super) fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().expect("a lock").lines.clone()
    }

    /// All lines, after the program has exited.
    pub(super) fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the output is read");
        }
        self.so_far().join("\n")
    }
}
