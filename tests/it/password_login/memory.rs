//! The memory that many concurrent wrong passwords take.

use std::fs;

use futures_util::future::join_all;

use super::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::program::Program;

/// Each thread needs 19 MiB for a hash. The limit allows as much again for everything else.
#[tokio::test]
async fn many_wrong_passwords_take_only_the_memory_of_the_running_hashes() {
    let app = TestApp::start();
    let server = Program::with_settings(&["runserver", "--bind", "127.0.0.1:0"])
        .env("DATABASE_URL", app.database_url())
        .start();
    let line = server.wait_for_output("listening on ");
    let (_, address) = line.split_once("listening on ").unwrap();
    let url = format!("http://{}", address.trim_end_matches(')'));
    let threads = std::thread::available_parallelism().unwrap().get() as u64;
    // If each request took memory, so many would need several times the bound.
    let requests = (threads * 16).max(60);
    let before = peak(server.id());
    for _ in 0..2 {
        let attempts = (0..requests).map(|number| {
            let visitor = Visitor::new(&url);
            async move {
                let email = format!("nobody{number}@example.com");
                visitor.log_in(&email, PASSWORD).await.status()
            }
        });
        join_all(attempts).await;
    }
    let grown = peak(server.id()) - before;
    let bound = (threads + 2) * 2 * 19 * 1024;
    assert!(grown < bound, "{grown} KiB, and {bound} are allowed");
}

/// The peak memory of a process, in KiB.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
