//! Opens another application's database read-only.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::db::conn::connect_with;
use crate::db::error::DbError;

pub(super) fn sqlite(path: &Path) -> Result<SqliteConnection, DbError> {
    let unusable = |error: &dyn std::fmt::Display| {
        DbError::Unavailable(format!("{}: {error}", path.display()))
    };
    if !path.is_file() {
        return Err(unusable(&"the file does not exist"));
    }
    let mut conn = connect_with(path, "mode=ro").map_err(|error| unusable(&error))?;
    // The first query begins the snapshot. It is here so that an error names the file.
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; BEGIN; SELECT count(*) FROM sqlite_master",
    )
    .map_err(|error| unusable(&error))?;
    Ok(conn)
}

#[cfg(feature = "postgres")]
pub(super) fn postgres(url: &secrecy::SecretString) -> Result<PgConnection, DbError> {
    use diesel::connection::CacheSize;

    let mut conn = crate::db::conn::establish_postgres(url, "--from")?;
    // Behind a pooler, a named statement of an earlier run may still exist in the server's process.
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    // Reading a whole table may take longer than a role's timeouts. With little memory, a list of keys that a statement
    // compares would be searched from its beginning for each row. The settings end with the transaction, and
    // a pooler gives all of it to one server process.
    conn.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
         SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SET LOCAL TIME ZONE 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL work_mem = '64MB'",
    )?;
    Ok(conn)
}
