//! Reads the source of the settings, for the commands that need only a few of them.

use std::io::Write;

use super::error::CommandError;
use crate::settings::{Settings, SettingsError, Source};

/// Reads `.env` and the environment, and warns on stderr of variables that look like misspelt
/// settings. `runserver` and `check` report those with their other findings.
pub(super) fn load_source() -> Result<Source, CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    for misspelt in Settings::misspelt_in(&source) {
        // Without stderr the command can still do its work.
        drop(writeln!(
            std::io::stderr(),
            "vestibule: warning: {misspelt}"
        ));
    }
    Ok(source)
}
