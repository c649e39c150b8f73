//! Why an import stops.

use crate::db::DbError;

/// Why an import could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A precondition does not hold. The message says which, and what to do.
    #[error("{0}")]
    Impossible(String),
    /// Django's database cannot be read.
    #[error("--from: {0}")]
    Source(DbError),
    /// This installation's own database cannot be read or written.
    #[error(transparent)]
    Database(#[from] DbError),
}
