//! Finds the account that a command names, and says which of its sessions ended.

use super::error::CommandError;
use crate::accounts::User;
use crate::db::{Database, DbError};

/// The account with this email, compared without case.
pub(super) fn find_account(database: &Database, email: &str) -> Result<User, CommandError> {
    let found =
        database.read_blocking(|conn| User::by_email(conn, email).map_err(DbError::from))?;
    found.ok_or_else(|| CommandError::Django(format!("user '{email}' does not exist")))
}

/// The sentence about the ended sessions and tokens of an account.
pub(super) fn ended_sessions_message(sessions: usize) -> String {
    match sessions {
        0 => "Its tokens ended; it had no open session.".to_owned(),
        1 => "Its tokens and 1 session ended.".to_owned(),
        many => format!("Its tokens and {many} sessions ended."),
    }
}
