//! `vestibule resettotp`.

use super::account::find_account;
use super::database::open_database;
use super::error::CommandError;
use super::output::print_line;
use crate::accounts::second_factor::remove_second_factor;
use crate::audit::ChangedBy;
use crate::clock::Clock;
use crate::db::DbError;
use crate::workos::ClientDevice;

pub(super) fn run(email: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, email)?;
    let now = Clock::system().now();
    let device = ClientDevice::default();
    let removed = database.write_blocking(|conn| {
        remove_second_factor(conn, user.id, ChangedBy::Command, &device, now).map_err(DbError::from)
    })?;
    let email = &user.email;
    match removed {
        None => print_line(format_args!("Account '{email}' has no authenticator app."))?,
        Some(codes) => print_line(format_args!(
            "The authenticator app of account '{email}' was removed. {} Its password, sessions and tokens stay valid.",
            deleted_codes_message(codes)
        ))?,
    }
    Ok(())
}

fn deleted_codes_message(codes: usize) -> String {
    match codes {
        0 => "It had no unused recovery codes.".to_owned(),
        1 => "1 unused recovery code was deleted.".to_owned(),
        many => format!("{many} unused recovery codes were deleted."),
    }
}
