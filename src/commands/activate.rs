//! `vestibule activate`.

use super::account::find_account;
use super::database::open_database;
use super::error::CommandError;
use super::output::print_line;
use crate::accounts;
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Clock;
use crate::db::DbError;
use crate::workos::ClientDevice;

pub(super) fn run(name: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, name)?;
    let activated = database.write_blocking(|conn| {
        let activated = accounts::activate(conn, user.id)?;
        if activated {
            let opened = AuditEvent::AccountOpened {
                user_id: user.id,
                by: ChangedBy::Command,
            };
            opened.record(conn, &ClientDevice::default(), Clock::system().now())?;
        }
        Ok::<_, DbError>(activated)
    })?;
    let name = user.label();
    match activated {
        true => print_line(format_args!("Account '{name}' is active again."))?,
        false => print_line(format_args!("Account '{name}' was already active."))?,
    }
    Ok(())
}
