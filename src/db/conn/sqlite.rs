//! How a connection to SQLite is opened.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::Mode;
use crate::db::DbError;

/// How long a statement waits for another process to finish writing.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn connect(path: &Path, mode: Mode) -> Result<SqliteConnection, DbError> {
    if mode != Mode::Create && !path.exists() {
        return Err(DbError::Missing(path.to_owned()));
    }
    let text = path
        .to_str()
        .ok_or_else(|| DbError::Missing(path.to_owned()))?;
    let unusable = |error: &dyn std::fmt::Display| {
        let path = path.display();
        DbError::Unavailable(format!(
            "{path}: {error}; it must be a SQLite file, writable, in a folder that is there and writable"
        ))
    };
    let mut conn = SqliteConnection::establish(text).map_err(|error| unusable(&error))?;
    set_up(&mut conn, mode).map_err(|error| unusable(&error))?;
    Ok(conn)
}

fn set_up(conn: &mut SqliteConnection, mode: Mode) -> QueryResult<()> {
    // The time-out first of all, since every later statement may have to wait for another process.
    conn.batch_execute(&format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis()))?;
    match mode {
        Mode::ReadOnly => conn.batch_execute("PRAGMA query_only = ON")?,
        Mode::Create | Mode::Existing => switch_to_wal(conn)?,
    }
    conn.batch_execute("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
}

/// The time-out does not hold for this one statement: of two connections that switch a new file at
/// once, SQLite refuses one without waiting.
fn switch_to_wal(conn: &mut SqliteConnection) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if is_locked(&error) && began.elapsed() < PATIENCE => thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

/// Diesel keeps SQLite's message and not its code.
fn is_locked(error: &diesel::result::Error) -> bool {
    error.to_string().contains("database is locked")
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_new_file_is_opened_by_many_at_once() {
        const MANY: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        for round in 0..100 {
            let path = folder.path().join(format!("{round}.sqlite3"));
            let together = Barrier::new(MANY);
            thread::scope(|scope| {
                for _ in 0..MANY {
                    scope.spawn(|| {
                        together.wait();
                        connect(&path, Mode::Create).map(drop).unwrap();
                    });
                }
            });
        }
    }
}
