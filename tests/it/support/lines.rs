//! What a program prints, line by line as it comes.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::program::HANGS;

/// The lines of one of a program's outputs.
pub(super) struct Lines {
    shared: Arc<(Mutex<Seen>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub(super) fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let shared = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let Some(stream) = stream else {
            shared.0.lock().expect("a lock").ended = true;
            return Self {
                shared,
                thread: None,
            };
        };
        let ours = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while matches!(stream.read_until(b'\n', &mut bytes), Ok(read) if read > 0) {
                let line = String::from_utf8_lossy(&bytes);
                let line = line.trim_end_matches('\n').to_owned();
                ours.0.lock().expect("a lock").lines.push(line);
                ours.1.notify_all();
                bytes.clear();
            }
            ours.0.lock().expect("a lock").ended = true;
            ours.1.notify_all();
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Waits for a line for which `wanted` is true.
    pub(super) fn line(&self, wanted: impl Fn(&str) -> bool, story: impl Fn() -> String) -> String {
        let until = Instant::now() + HANGS;
        let mut read = self.shared.0.lock().expect("a lock");
        loop {
            if let Some(line) = read.lines.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if read.ended || left.is_zero() {
                drop(read);
                panic!("the line does not come: {}", story());
            }
            read = self.shared.1.wait_timeout(read, left).expect("a lock").0;
        }
    }

    /// All lines so far.
    pub(super) fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().expect("a lock").lines.clone()
    }

    /// All lines, once the program has ended.
    pub(super) fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the output is read");
        }
        self.so_far().join("\n")
    }
}
