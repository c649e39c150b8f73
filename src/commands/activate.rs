//! `vestibule activate`.

use super::account::find_account;
use super::database::open_database;
use super::error::CommandError;
use super::output::print_line;
use crate::accounts;
use crate::db::DbError;

pub(super) fn run(email: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, email)?;
    let activated =
        database.write_blocking(|conn| accounts::activate(conn, user.id).map_err(DbError::from))?;
    let email = &user.email;
    match activated {
        true => print_line(format_args!("Account '{email}' is active again."))?,
        false => print_line(format_args!("Account '{email}' was already active."))?,
    }
    Ok(())
}
