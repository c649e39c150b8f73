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

pub(super) fn run(name: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, name)?;
    let now = Clock::system().now();
    let device = ClientDevice::default();
    let removed = database.write_blocking(|conn| {
        remove_second_factor(conn, user.id, ChangedBy::Command, &device, now).map_err(DbError::from)
    })?;
    let name = user.label();
    match removed {
        None => print_line(format_args!("Account '{name}' has no authenticator app."))?,
        Some(codes) => print_line(format_args!(
            "The authenticator app of account '{name}' was removed. {} Its password, sessions and tokens stay valid.",
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
