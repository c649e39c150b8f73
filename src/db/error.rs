//! What can go wrong between us and the database.

use std::path::PathBuf;

use diesel::r2d2::HandleError;
use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// A failure of the database, divided by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It does not answer, or cannot write just now: trying again may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The SQLite file is not there.
    #[error("the database file {} does not exist; make it with `vestibule migrate`", .0.display())]
    Missing(PathBuf),
    /// A `postgres://` address in a build without PostgreSQL.
    #[error("this build has no PostgreSQL; build it with `--features postgres`")]
    NoPostgres,
    /// A migration failed.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// A statement was refused, which is a mistake of ours.
    #[error("a statement was refused: {0}")]
    Refused(QueryError),
    /// The thread that ran the statements ended early.
    #[error("the work on the database was interrupted")]
    Interrupted,
}

impl From<QueryError> for DbError {
    fn from(error: QueryError) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            QueryError::DatabaseError(Kind::Unknown, ref info) if is_mistake(info.message()) => {
                Self::Refused(error)
            }
            // Both databases report a lost connection, a full disk and a read-only file as "other".
            QueryError::DatabaseError(
                Kind::Unknown
                | Kind::ClosedConnection
                | Kind::UnableToSendCommand
                | Kind::SerializationFailure
                | Kind::ReadOnlyTransaction,
                ref info,
            ) => Self::Unavailable(info.message().trim().to_owned()),
            QueryError::BrokenTransactionManager | QueryError::RollbackErrorOnCommit { .. } => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Refused(error),
        }
    }
}

/// Whether the database understood us and found no sense in it: a wrong statement, or tables that
/// are not the migrations'. Trying again does not mend that. Diesel keeps no finer code.
fn is_mistake(message: &str) -> bool {
    const SIGNS: [&str; 5] = [
        "no such ",
        "does not exist",
        "syntax error",
        "has no column",
        "permission denied for",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}

impl From<diesel::r2d2::PoolError> for DbError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A failed attempt of the pool to connect is worth a line, once an attempt.
#[derive(Debug)]
pub(super) struct LogPoolErrors;

impl HandleError<DbError> for LogPoolErrors {
    fn handle_error(&self, error: DbError) {
        log::warn!("the pool could not connect: {error}");
    }
}
