//! Writes a batch in one transaction, and repeats it after a conflict.

use diesel::result::{DatabaseErrorKind, Error as QueryError};

use crate::db::{Conn, Database, DbError};

/// How often a batch is tried. It is repeated if a user who signed up meanwhile has taken an email
/// that is in it. More conflicts have another cause and are reported as an error.
const ATTEMPTS: usize = 4;

/// Runs `write` in a transaction, and again from the start after a unique violation.
pub(super) fn write_retrying_conflicts<T>(
    target: &Database,
    mut write: impl FnMut(&mut Conn) -> Result<T, DbError>,
) -> Result<T, DbError> {
    for _ in 1..ATTEMPTS {
        match target.write_blocking(&mut write) {
            Err(DbError::Rejected(QueryError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                _,
            ))) => {}
            outcome => return outcome,
        }
    }
    target.write_blocking(write)
}
