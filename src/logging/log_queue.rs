//! Writes the log in a thread of its own, so that a full pipe to stderr, which nobody reads, does not stop
//! the requests that log something.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How many bytes wait to be written. Further lines are dropped and counted. Ordinary lines have 200 bytes.
const MOST_BYTES: usize = 1 << 20;

/// The log lines that have not been written; clones share them. As a writer, it takes a whole line with each
/// call and never waits.
#[derive(Clone, Default)]
pub(super) struct LogQueue {
    shared: Arc<(Mutex<WaitingLines>, Condvar)>,
}

#[derive(Default)]
struct WaitingLines {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    is_writing: bool,
}

impl LogQueue {
    /// Starts the thread that writes the lines to `output`. A line that cannot be written is lost.
    pub(super) fn start(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let queue = self.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || queue.write_all_to(output))?;
        Ok(())
    }

    fn write_all_to(&self, mut output: impl Write) {
        loop {
            let (line, dropped) = self.next_line();
            drop(output.write_all(&line));
            self.shared.0.lock().is_writing = false;
            self.shared.1.notify_all();
            if dropped > 0 {
                log::warn!(
                    "{dropped} log lines were dropped, because stderr was not read fast enough"
                );
            }
        }
    }

    /// Waits for a line. With it comes the number of lines that have been dropped, if the queue has room again
    /// for a line that says so.
    fn next_line(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.shared.0.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.is_writing = true;
                let has_room = waiting.bytes < MOST_BYTES / 2;
                let dropped = if has_room {
                    std::mem::take(&mut waiting.dropped)
                } else {
                    0
                };
                return (line, dropped);
            }
            self.shared.1.wait(&mut waiting);
        }
    }

    /// Waits until every line has been written, at most for `longest`.
    pub(super) fn flush(&self, longest: Duration) {
        let until = Instant::now() + longest;
        let mut waiting = self.shared.0.lock();
        while !waiting.lines.is_empty() || waiting.is_writing {
            if self.shared.1.wait_until(&mut waiting, until).timed_out() {
                return;
            }
        }
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.0.lock();
        if waiting.bytes + line.len() > MOST_BYTES {
            waiting.dropped += 1;
        } else {
            waiting.bytes += line.len();
            waiting.lines.push_back(line.to_vec());
            drop(waiting);
            self.shared.1.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        let queue = LogQueue::default();
        let line = vec![b'x'; MOST_BYTES / 4];
        for _ in 0..6 {
            queue.clone().write_all(&line).unwrap();
        }
        for dropped in [0, 0, 2, 0] {
            assert_eq!(queue.next_line(), (line.clone(), dropped));
        }
        queue.clone().write_all(b"later").unwrap();
        assert_eq!(queue.next_line(), (b"later".to_vec(), 0));
    }

    #[test]
    fn flush_waits_for_the_writer_but_not_for_a_full_pipe() {
        let queue = LogQueue::default();
        let (mut reader, writer) = io::pipe().unwrap();
        queue.start(writer).unwrap();
        queue.clone().write_all(b"one\ntwo\n").unwrap();
        queue.flush(Duration::from_secs(60));
        let mut read = [0; 8];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one\ntwo\n");
        // More than a pipe holds.
        queue.clone().write_all(&vec![b'x'; 512 * 1024]).unwrap();
        queue.flush(Duration::from_millis(1));
        assert!(queue.shared.0.lock().is_writing || !queue.shared.0.lock().lines.is_empty());
    }
}
