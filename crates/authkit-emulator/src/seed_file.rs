//! Reads and checks a seed file.

use std::path::{Path, PathBuf};

use crate::directory::Directory;
use crate::seed::Seed;

/// A seed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("failed to read the seed file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The content of the file is not a valid seed.
    #[error("the seed file {} is invalid: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

impl Seed {
    /// Reads and checks a seed file.
    ///
    /// # Errors
    /// When the file cannot be read or its content is not a valid seed.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read_to_string(path).map_err(|source| SeedError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::from_json(&text).map_err(|reason| SeedError::Malformed {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads and checks the text of a seed file.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and where.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let seed: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Directory::from_seed(&seed, 0)?;
        Ok(seed)
    }
}
