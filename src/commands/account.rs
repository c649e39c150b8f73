//! Finds the account that a command names, and says which of its sessions ended.

use super::error::CommandError;
use crate::accounts::User;
use crate::db::{Database, DbError};

/// The account with this email, compared without case, or with this username, compared exactly. A name of
/// two accounts is refused, whatever LOGIN_FIELD is.
pub(super) fn find_account(database: &Database, name: &str) -> Result<User, CommandError> {
    let found = database.read_blocking(|conn| {
        let by_email = User::by_email(conn, name)?;
        Ok::<_, DbError>((by_email, User::by_username(conn, name)?))
    })?;
    match found {
        (Some(first), Some(second)) if first.id != second.id => Err(CommandError::Django(format!(
            "'{name}' is the email of account {} and the username of account {}; use another name of the account",
            first.id, second.id
        ))),
        (Some(user), _) | (None, Some(user)) => Ok(user),
        (None, None) => Err(CommandError::Django(format!(
            "user '{name}' does not exist"
        ))),
    }
}

/// The sentence about the ended sessions and tokens of an account.
pub(super) fn ended_sessions_message(sessions: usize) -> String {
    match sessions {
        0 => "Its tokens ended; it had no open session.".to_owned(),
        1 => "Its tokens and 1 session ended.".to_owned(),
        many => format!("Its tokens and {many} sessions ended."),
    }
}
