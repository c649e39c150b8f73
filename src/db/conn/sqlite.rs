//! Opens a connection to SQLite.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::db::error::DbError;

/// How long a statement waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// The length in bytes to which SQLite cuts the `-wal` file when it begins to write it anew. A file that a long
/// reader has made larger would otherwise keep its length.
const WAL_SIZE_LIMIT: u32 = 16 << 20;
/// The mode of a new database file. It holds password hashes and e-mail addresses, so other users of the
/// machine must not read it.
const PRIVATE_MODE: u32 = 0o600;

/// What opening a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum OpenMode {
    /// Create a missing SQLite file.
    Create,
    /// Open an existing database.
    Existing,
    /// Open an existing SQLite file and refuse to write.
    ReadOnly,
}

pub(super) fn connect(path: &Path, mode: OpenMode) -> Result<SqliteConnection, DbError> {
    if mode != OpenMode::Create && !path.exists() {
        return Err(DbError::Missing(path.to_owned()));
    }
    let text = path
        .to_str()
        .ok_or_else(|| DbError::Missing(path.to_owned()))?;
    let unusable = |error: &dyn std::fmt::Display| {
        let path = path.display();
        DbError::Unavailable(format!(
            "{path}: {error}; it must be a writable SQLite file in an existing, writable folder"
        ))
    };
    if mode == OpenMode::Create {
        create_private_file(path).map_err(|error| unusable(&error))?;
    }
    let mut conn = SqliteConnection::establish(text).map_err(|error| unusable(&error))?;
    configure(&mut conn, mode).map_err(|error| unusable(&error))?;
    Ok(conn)
}

#[derive(QueryableByName)]
struct TotalChanges {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    changes: i64,
}

/// Writes more pages than a request does. Two rows: the transactions of earlier versions that wrote one row had two marks,
/// and only those may.
pub(super) fn fill_space_probe(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute("INSERT INTO space_probe VALUES (randomblob(65536)), (randomblob(65536))")
}

/// The number of rows that this connection has changed.
pub(super) fn total_changes(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let row: TotalChanges =
        diesel::sql_query("SELECT total_changes() AS changes").get_result(conn)?;
    Ok(row.changes)
}

/// Has SQLite write its `-wal` file into the database as far as no reader needs it, and cut it if `whole` and no
/// reader needs any of it. Waits for no other process.
pub(in crate::db) fn truncate_wal(conn: &mut SqliteConnection, whole: bool) -> QueryResult<()> {
    let kind = if whole { "TRUNCATE" } else { "PASSIVE" };
    let outcome = conn.batch_execute(&format!(
        "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint({kind})"
    ));
    set_busy_timeout(conn)?;
    outcome
}

/// Opens a file with these parameters of SQLite's URIs, such as `mode=ro`, and without settings of the
/// connection.
pub(in crate::db) fn connect_with(
    path: &Path,
    parameters: &str,
) -> ConnectionResult<SqliteConnection> {
    SqliteConnection::establish(&uri(path, parameters))
}

fn uri(path: &Path, parameters: &str) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?" + parameters
}

/// Creates a missing file with the mode 0600, before SQLite would create it with the mode that the umask
/// allows. SQLite gives the files `-wal`, `-shm` and `-journal` the mode of the database's file.
fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    match options
        .write(true)
        .create_new(true)
        .mode(PRIVATE_MODE)
        .open(path)
    {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

fn configure(conn: &mut SqliteConnection, mode: OpenMode) -> QueryResult<()> {
    // The timeout comes first, because every later statement may have to wait for another process.
    set_busy_timeout(conn)?;
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    match mode {
        OpenMode::ReadOnly => conn.batch_execute("PRAGMA query_only = ON"),
        OpenMode::Create | OpenMode::Existing => {
            switch_to_wal(conn)?;
            // FULL writes each transaction to the disk before it is acknowledged. With NORMAL, a power cut
            // would undo the last log-outs and refreshes.
            conn.batch_execute(&format!(
                "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {WAL_SIZE_LIMIT}"
            ))
        }
    }
}

fn set_busy_timeout(conn: &mut SqliteConnection) -> QueryResult<()> {
    let milliseconds = BUSY_TIMEOUT.as_millis();
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))
}

/// Repeats the statement, because the busy timeout does not apply to it: if two connections switch a new
/// file at the same time, SQLite refuses one of them at once.
fn switch_to_wal(conn: &mut SqliteConnection) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if is_locked(&error) && began.elapsed() < BUSY_TIMEOUT => {
                thread::sleep(RETRY_INTERVAL);
            }
            outcome => return outcome,
        }
    }
}

/// Diesel's error has SQLite's message and not its code.
fn is_locked(error: &diesel::result::Error) -> bool {
    error.to_string().contains("database is locked")
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn special_characters_of_a_path_are_escaped() {
        assert_eq!(
            uri(Path::new("/a b/c?d#e%.db"), "mode=ro"),
            "file:/a%20b/c%3Fd%23e%25.db?mode=ro"
        );
    }

    #[test]
    fn other_users_of_the_machine_cannot_read_a_new_database() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private.sqlite3");
        let mut conn = connect(&path, OpenMode::Create).unwrap();
        conn.batch_execute("CREATE TABLE t (x)").unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        let expected = [
            "private.sqlite3",
            "private.sqlite3-shm",
            "private.sqlite3-wal",
        ];
        assert_eq!(names, expected);
        // The mode of an existing file is the operator's choice.
        let shared = folder.path().join("shared.sqlite3");
        std::fs::write(&shared, "").unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o640)).unwrap();
        drop(connect(&shared, OpenMode::Create).unwrap());
        let mode = std::fs::metadata(&shared).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn a_new_file_is_opened_by_many_connections_at_once() {
        const MANY: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        for round in 0..100 {
            let path = folder.path().join(format!("{round}.sqlite3"));
            let barrier = Barrier::new(MANY);
            thread::scope(|scope| {
                for _ in 0..MANY {
                    scope.spawn(|| {
                        barrier.wait();
                        connect(&path, OpenMode::Create).map(drop).unwrap();
                    });
                }
            });
        }
    }
}
