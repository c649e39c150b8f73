//! What the commands about one account share.

use super::{CommandError, up_to_date};
use crate::accounts::User;
use crate::db::{Database, DbError};
use crate::settings::{DatabaseSettings, SettingsError, Source};

/// The database, by the settings of the environment.
pub(super) fn database() -> Result<Database, CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    up_to_date(&DatabaseSettings::from_source(&source)?)
}

/// The account with this e-mail, whatever its case.
pub(super) fn find(database: &Database, email: &str) -> Result<User, CommandError> {
    let found =
        database.read_blocking(|conn| User::by_email(conn, email).map_err(DbError::from))?;
    found.ok_or_else(|| CommandError::Django(format!("user '{email}' does not exist")))
}
