//! Errors of the database.

use std::path::PathBuf;

use diesel::r2d2::HandleError;
use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// A failure of the database, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database does not answer, or cannot write at the moment. A retry may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The SQLite file does not exist.
    #[error("the database file {} does not exist; create it with `vestibule migrate`", .0.display())]
    Missing(PathBuf),
    /// The SQLite file does not exist or is empty, and another file shows that there was a database.
    #[error(
        "the database file {} is missing, although there was one, as {} shows; put the file with its -wal back into its place (`vestibule restore` moves them to names with `.before-restore-`), mount its volume, or restore a backup with `vestibule restore FILE`; only to begin with an empty database, move {} away",
        .file.display(), .trace.display(), .trace.display()
    )]
    Lost {
        /// Where the database should be.
        file: PathBuf,
        /// The file that shows it.
        trace: PathBuf,
    },
    /// The SQLite file is damaged, or other files beside it would damage it. It has not been changed.
    #[error("{0}")]
    Damaged(String),
    /// The address is `postgres://`, and this build does not support PostgreSQL.
    #[error("this build does not support PostgreSQL; build it with `--features postgres`")]
    NoPostgres,
    /// The database can never be used as it is; the text says why, and what to do.
    #[error("{0}")]
    Unsuitable(String),
    /// A migration failed.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// The database rejected a statement, which is an error of this program.
    #[error("the database rejected a statement: {0}")]
    Rejected(#[source] QueryError),
    /// The thread that ran the queries ended early.
    #[error("the database queries were interrupted")]
    Interrupted,
}

impl From<QueryError> for DbError {
    fn from(error: QueryError) -> Self {
        use DatabaseErrorKind as ErrorKind;
        match error {
            QueryError::DatabaseError(ErrorKind::Unknown, ref info)
                if is_program_error(info.message()) =>
            {
                Self::Rejected(error)
            }
            // Both databases report a lost connection, a full disk and a read-only file as "other".
            QueryError::DatabaseError(
                ErrorKind::Unknown
                | ErrorKind::ClosedConnection
                | ErrorKind::UnableToSendCommand
                | ErrorKind::SerializationFailure
                | ErrorKind::ReadOnlyTransaction,
                ref info,
            ) => Self::Unavailable(info.message().trim().to_owned()),
            QueryError::BrokenTransactionManager | QueryError::RollbackErrorOnCommit { .. } => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Rejected(error),
        }
    }
}

/// Whether the message is about the statement itself: wrong SQL, or tables that the migrations did not
/// create. A retry does not help. Diesel has no more precise error kind for this. A position in the statement is no sign:
/// PostgreSQL tells it of a table that is locked too.
fn is_program_error(message: &str) -> bool {
    const MESSAGE_PARTS: [&str; 5] = [
        "no such ",
        "does not exist",
        "syntax error",
        "has no column",
        "permission denied for",
    ];
    MESSAGE_PARTS.iter().any(|part| message.contains(part))
}

impl From<diesel::r2d2::PoolError> for DbError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Logs each failed attempt of the pool to connect, and each connection that did not work any more.
#[derive(Debug)]
pub(super) struct LogPoolErrors;

impl HandleError<DbError> for LogPoolErrors {
    fn handle_error(&self, error: DbError) {
        log::warn!("a connection to the database was not opened, or is closed: {error}");
    }
}
