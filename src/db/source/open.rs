//! Opens somebody else's database without a right to write.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::db::DbError;

pub(super) fn sqlite(path: &Path) -> Result<SqliteConnection, DbError> {
    let unusable = |error: &dyn std::fmt::Display| {
        DbError::Unavailable(format!("{}: {error}", path.display()))
    };
    if !path.is_file() {
        return Err(unusable(&"there is no such file"));
    }
    let mut conn =
        SqliteConnection::establish(&read_only_uri(path)).map_err(|error| unusable(&error))?;
    // The first reading begins the snapshot: it must be here, where an error names the file.
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; BEGIN; SELECT count(*) FROM sqlite_master",
    )
    .map_err(|error| unusable(&error))?;
    Ok(conn)
}

/// SQLite's URI of a file, which opens it without a right to write.
fn read_only_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?mode=ro"
}

#[cfg(feature = "postgres")]
pub(super) fn postgres(url: &secrecy::SecretString) -> Result<PgConnection, DbError> {
    let mut conn = crate::db::conn::establish_postgres(url, "--from")?;
    // Reading a whole table may take longer than any statement of a request may.
    conn.batch_execute(
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
         SET TIME ZONE 'UTC'; SET DateStyle = 'ISO, YMD'; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_end_the_uri_early() {
        assert_eq!(
            read_only_uri(Path::new("/a b/c?d#e%.db")),
            "file:/a%20b/c%3Fd%23e%25.db?mode=ro"
        );
    }
}
