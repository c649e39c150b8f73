//! `vestibule activate`.

use super::{CommandError, account, say};
use crate::accounts;
use crate::db::DbError;

pub(super) fn run(email: &str) -> Result<(), CommandError> {
    let database = account::database()?;
    let user = account::find(&database, email)?;
    let opened =
        database.write_blocking(|conn| accounts::activate(conn, user.id).map_err(DbError::from))?;
    let email = &user.email;
    match opened {
        true => say(format_args!("Account '{email}' is open again."))?,
        false => say(format_args!("Account '{email}' was open already."))?,
    }
    Ok(())
}
