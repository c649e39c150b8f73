//! Checks SQLite's file before it is written to.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;

use super::conn::connect_with;
use super::error::DbError;
use super::wal::beside;

/// How long a server or a command waits for the check.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A check that takes longer is logged.
const QUICK: Duration = Duration::from_secs(1);

/// Why the file must not be used any more. It is found while other threads use the file, and never taken back.
pub(super) type Fault = Arc<OnceLock<String>>;

/// Which of SQLite's checks to run.
#[derive(Clone, Copy)]
pub(super) enum Depth {
    /// The structure of the file. Reads the file once.
    Structure,
    /// Also that the indexes match their tables, which takes several times as long.
    Content,
}

/// Fails if SQLite's file is damaged, and does not change it then. A check that takes longer than `delay` continues
/// while the file is used. If it then finds damage, it logs it and sets `fault`. Does nothing for a file that is
/// missing or empty.
pub(super) fn check(path: &Path, delay: Duration, fault: &Fault) -> Result<(), DbError> {
    if path.metadata().map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let (sender, result) = channel();
    let (checked, fault) = (path.to_owned(), Fault::clone(fault));
    let began = Instant::now();
    let check = move || {
        let outcome = check_file(&checked, Depth::Structure);
        let took = began.elapsed();
        if took >= QUICK {
            let seconds = took.as_secs_f32();
            log::info!("checked {} in {seconds:.1} s", checked.display());
        }
        if let Err(error) = &outcome {
            if let DbError::Damaged(message) = error {
                fault.get_or_init(|| message.clone());
            }
            if took >= delay {
                log::error!("{error}");
            }
        }
        // Nobody waits any more for a check that took long.
        drop(sender.send(outcome));
    };
    let started = thread::Builder::new()
        .name("integrity".to_owned())
        .spawn(check);
    started.map_err(|error| DbError::Unavailable(format!("no thread: {error}")))?;
    match result.recv_timeout(delay) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => {
            log::warn!(
                "checking {} takes more than {delay:?}; it is used meanwhile",
                path.display()
            );
            Ok(())
        }
        Err(RecvTimeoutError::Disconnected) => Err(DbError::Interrupted),
    }
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "finding")]
    text: String,
}

/// Opens a file for reading. The connection is read-only, because closing another one would apply a `-wal` file to the
/// database, even to one that it does not belong to. If a process was killed while it wrote with a rollback journal, SQLite
/// must undo its changes before it can read, and needs the right to write.
pub(super) fn open_for_reading(path: &Path) -> ConnectionResult<SqliteConnection> {
    let is_interrupted = beside(path, "-journal").exists();
    let mode = if is_interrupted { "mode=rw" } else { "mode=ro" };
    connect_with(path, mode)
}

/// Fails with the first problem that SQLite finds in the file.
pub(super) fn check_file(path: &Path, depth: Depth) -> Result<(), DbError> {
    let check = match depth {
        Depth::Structure => "SELECT quick_check AS finding FROM pragma_quick_check LIMIT 1",
        Depth::Content => "SELECT integrity_check AS finding FROM pragma_integrity_check LIMIT 1",
    };
    let damaged = |problem: &str| {
        let path = path.display();
        let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        DbError::Damaged(format!(
            "the database file {path} is damaged ({problem}); restore a backup with `vestibule restore FILE`"
        ))
    };
    // Without the right to read the file, or descriptors, it cannot be opened, which is no damage.
    let mut conn = open_for_reading(path).map_err(|error| match error.to_string() {
        text if is_damage(&text) => damaged(&text),
        text => DbError::Unavailable(format!("{}: {text}", path.display())),
    })?;
    let outcome = conn
        .batch_execute("PRAGMA busy_timeout = 5000")
        .and_then(|()| sql_query(check).load::<Finding>(&mut conn));
    match outcome {
        Ok(findings) => match findings.first() {
            Some(finding) if finding.text != "ok" => Err(damaged(&finding.text)),
            _ => Ok(()),
        },
        Err(error) if is_damage(&error.to_string()) => Err(damaged(&error.to_string())),
        Err(error) => Err(DbError::from(error)),
    }
}

/// Diesel's error has SQLite's message and not its code.
fn is_damage(message: &str) -> bool {
    ["malformed", "not a database", "corrupt"]
        .iter()
        .any(|sign| message.contains(sign))
}
