//! `vestibule import-django`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};

use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::clock::Clock;
use crate::django_import::{ImportError, ImportOptions, ImportProgress, import};
use crate::settings::{DatabaseSettings, DatabaseUrl};

pub(super) fn run(options: &ImportOptions) -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(&load_source()?)?;
    // indicatif shows nothing unless stderr is a terminal.
    let bar = ProgressBar::no_length().with_style(progress_style());
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = import(
        &settings,
        options,
        &Clock::system(),
        &mut |step| match step {
            ImportProgress::Users(count) => bar.set_length(count),
            ImportProgress::Read(count) => bar.inc(count),
        },
    );
    bar.finish_and_clear();
    print_line(report?)?;
    Ok(())
}

fn progress_style() -> ProgressStyle {
    let template = "{bar:30} {human_pos} of {human_len} users, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Parses `--from`; no error shows its password.
pub(super) fn parse_from(text: &SecretString) -> Result<DatabaseUrl, CommandError> {
    DatabaseUrl::parse(text.expose_secret()).map_err(|problem| {
        CommandError::Failed(format!(
            "--from: {problem}; set it to sqlite:PATH or postgres://USER@HOST/DATABASE"
        ))
    })
}

impl From<ImportError> for CommandError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Database(error) => Self::Database(error),
            error => Self::Failed(error.to_string()),
        }
    }
}
