//! Finds the account that a command names.

use super::error::CommandError;
use crate::accounts::User;
use crate::db::{Database, DbError};

/// The account with this email, compared without case.
pub(super) fn find_account(database: &Database, email: &str) -> Result<User, CommandError> {
    let found =
        database.read_blocking(|conn| User::by_email(conn, email).map_err(DbError::from))?;
    found.ok_or_else(|| CommandError::Django(format!("user '{email}' does not exist")))
}
