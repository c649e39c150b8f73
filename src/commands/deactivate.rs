//! `vestibule deactivate`.

use diesel::QueryResult;

use super::account::{ended_sessions_message, find_account};
use super::database::open_database;
use super::error::CommandError;
use super::output::print_line;
use crate::accounts;
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, DbError};
use crate::ids::UserId;
use crate::workos::ClientDevice;

pub(super) fn run(name: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, name)?;
    let now = Clock::system().now();
    let ended = database.write_blocking(|conn| close(conn, user.id, now).map_err(DbError::from))?;
    let name = user.label();
    match ended {
        None => print_line(format_args!("Account '{name}' was already deactivated."))?,
        Some(sessions) => print_line(format_args!(
            "Account '{name}' is deactivated. {}",
            ended_sessions_message(sessions)
        ))?,
    }
    Ok(())
}

fn close(conn: &mut Conn, user_id: UserId, now: Timestamp) -> QueryResult<Option<usize>> {
    let ended = accounts::deactivate(conn, user_id, now)?;
    if let Some(ended_sessions) = ended {
        let closed = AuditEvent::AccountClosed {
            user_id,
            by: ChangedBy::Command,
            ended_sessions,
        };
        closed.record(conn, &ClientDevice::default(), now)?;
    }
    Ok(ended)
}
