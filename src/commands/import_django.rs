//! `vestibule import-django`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};

use super::{CommandError, say};
use crate::clock::Clock;
use crate::django_import::{ImportError, ImportOptions, ImportProgress, import};
use crate::settings::{DatabaseSettings, DatabaseUrl, SettingsError, Source};

pub(super) fn run(options: &ImportOptions) -> Result<(), CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    let settings = DatabaseSettings::from_source(&source)?;
    // indicatif shows nothing where stderr is no terminal.
    let bar = ProgressBar::no_length().with_style(style());
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
    say(report?)?;
    Ok(())
}

fn style() -> ProgressStyle {
    let template = "{bar:30} {human_pos} of {human_len} users, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Reads `--from`, whose password is in no message.
pub(super) fn from(text: &SecretString) -> Result<DatabaseUrl, CommandError> {
    DatabaseUrl::parse(text.expose_secret()).map_err(|problem| {
        CommandError::Failed(format!(
            "--from: {problem}; wants sqlite:PATH or postgres://USER@HOST/DATABASE"
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
