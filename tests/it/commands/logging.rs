//! The log of a running server.

use std::io::{BufRead, BufReader, PipeReader};

use crate::support::database::TestDatabase;
use crate::support::raw::Connection;
use crate::support::site::Site;

/// Starts a server whose log nobody reads.
fn start() -> (Site, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let site = Site::with_program(TestDatabase::migrated(), &[], |program| {
        program.with_stderr(writer)
    });
    (site, reader)
}

/// Sends requests whose paths have this many bytes together, and their log lines almost twice as many.
fn log_bytes(site: &Site, bytes: usize) -> usize {
    const BATCH: usize = 25;
    let mut client = Connection::open(&site.url);
    let path = format!("/static/{}", "a".repeat(240));
    let batch = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(BATCH);
    let requests = bytes / path.len() / BATCH * BATCH;
    for _ in 0..requests / BATCH {
        client.send(batch.as_bytes());
        for _ in 0..BATCH {
            assert_eq!(client.answer().unwrap().status, 404);
        }
    }
    requests
}

/// The number in the line that tells of dropped lines.
fn number_of_dropped(line: &str) -> Option<usize> {
    let (words, _) = line.split_once(" log lines were dropped, because stderr was not read")?;
    words.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_server() {
    let (site, reader) = start();
    // The log lines take more than the 64 KiB that a pipe holds and the MiB that the server keeps.
    let requests = log_bytes(&site, 700_000);
    site.program.signal("TERM");
    let lines = BufReader::new(reader).lines().map(Result::unwrap);
    let lines: Vec<_> = lines.collect();
    let is_request = |line: &&String| line.contains("/static/aaa");
    let logged = lines.iter().filter(is_request).count();
    let dropped: usize = lines
        .iter()
        .filter_map(|line| number_of_dropped(line))
        .sum();
    // A request has a second line about the page that does not exist.
    assert!(
        logged < requests && dropped >= requests - logged,
        "{logged} of {requests} requests are logged, {dropped} lines were dropped"
    );
    site.into_parts().0.wait().exits_with(0);
}

#[test]
fn a_server_ends_although_nobody_reads_its_log() {
    let (site, _reader) = start();
    log_bytes(&site, 100_000);
    site.program.signal("TERM");
    site.into_parts().0.wait().exits_with(0);
}
