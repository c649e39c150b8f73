//! Opens the database for the commands that need its tables.

use super::error::CommandError;
use super::source::load_source;
use crate::checks::unapplied_migrations;
use crate::db::Database;
use crate::settings::DatabaseSettings;

/// Opens the database that the environment's settings name.
pub(super) fn open_database() -> Result<Database, CommandError> {
    open_migrated(&DatabaseSettings::from_source(&load_source()?)?)
}

/// Opens a database; fails unless every migration is applied and the database is writable.
pub(super) fn open_migrated(settings: &DatabaseSettings) -> Result<Database, CommandError> {
    let database = Database::open(settings)?;
    let pending = database.migrations()?.pending()?.len();
    if pending > 0 {
        let message = format!("{}; run `vestibule migrate`", unapplied_migrations(pending));
        return Err(CommandError::Failed(message));
    }
    // In a read-only file every sign-in would fail later.
    database.check_writable().map_err(|error| {
        CommandError::Failed(format!(
            "{}: {error}; give the user that runs vestibule write access to the database (for SQLite: to the file and its folder)",
            settings.url
        ))
    })?;
    Ok(database)
}
