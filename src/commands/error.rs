//! The error of a command, and what stderr shows of it.

use crate::accounts::passwords::{BlocklistError, PasswordError};
use crate::db::{BackupError, DbError};
use crate::restore::RestoreError;
use crate::settings::{InvalidSetting, SettingsError};
use crate::state::BuildError;

/// Why a command failed. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A failure with a message of its own.
    #[error("{0}")]
    Failed(String),
    /// A failure in Django's words, after Django's prefix, which scripts may look for.
    #[error("CommandError: {0}")]
    Django(String),
    /// The user pressed Ctrl-C at a question.
    #[error("Operation cancelled.")]
    Cancelled,
    /// Settings that cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A restored backup could not be dealt with.
    #[error("{0}; run `vestibule restored` again")]
    Restore(#[from] RestoreError),
    /// A backup was not made or not restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A password could not be hashed.
    #[error("{0}; try again")]
    Password(#[from] PasswordError),
    /// The file of breached passwords.
    #[error("PASSWORD_BLOCKLIST_FILE cannot be used: {0}")]
    Blocklist(#[from] BlocklistError),
    /// The application could not be built from the settings.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Writing to the standard output failed, or another operation of the system.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl CommandError {
    /// The lines for stderr: one for each error. The report of `check` has several lines.
    pub fn lines(&self) -> Vec<String> {
        let lines = match self {
            Self::Django(_) => return vec![self.to_string()],
            // An empty line first: Ctrl-C left the cursor on the line of the question.
            Self::Cancelled => return vec![String::new(), self.to_string()],
            Self::Settings(errors) => settings_lines(errors),
            _ => vec![self.to_string()],
        };
        let prefixed = |line| format!("vestibule: {line}");
        lines.into_iter().map(prefixed).collect()
    }
}

fn settings_lines(errors: &SettingsError) -> Vec<String> {
    let mut lines: Vec<_> = errors.invalid.iter().map(ToString::to_string).collect();
    lines.extend(errors.misspelt.iter().map(ToString::to_string));
    if errors.invalid.iter().any(InvalidSetting::is_not_set) {
        lines.push(
            "`.env.example` explains every setting; `vestibule runserver --demo` needs none"
                .to_owned(),
        );
    }
    lines
}
