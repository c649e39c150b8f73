//! `vestibule deactivate`.

use super::{CommandError, account, say};
use crate::accounts;
use crate::clock::Clock;
use crate::db::DbError;

pub(super) fn run(email: &str) -> Result<(), CommandError> {
    let database = account::database()?;
    let user = account::find(&database, email)?;
    let now = Clock::system().now();
    let ended = database
        .write_blocking(|conn| accounts::deactivate(conn, user.id, now).map_err(DbError::from))?;
    let email = &user.email;
    match ended {
        None => say(format_args!("Account '{email}' was closed already."))?,
        Some(sessions) => say(format_args!(
            "Account '{email}' is closed. Ended: {}, and every token.",
            counted(sessions)
        ))?,
    }
    Ok(())
}

fn counted(sessions: usize) -> String {
    match sessions {
        0 => "no session".to_owned(),
        1 => "1 session".to_owned(),
        many => format!("{many} sessions"),
    }
}
