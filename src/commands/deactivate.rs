//! `vestibule deactivate`.

use diesel::QueryResult;

use super::account::{ended_sessions_message, find_account};
use super::database::open_migrated;
use super::error::CommandError;
use super::logout::end_at_workos;
use super::output::print_line;
use super::prompt::print_errors;
use super::source::load_source;
use crate::accounts::{self, RevokedSessions};
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, DbError};
use crate::ids::UserId;
use crate::sessions::WorkosRevocation;
use crate::settings::DatabaseSettings;
use crate::workos::ClientDevice;

pub(super) fn run(name: &str) -> Result<(), CommandError> {
    let source = load_source()?;
    let database = open_migrated(&DatabaseSettings::from_source(&source)?)?;
    let user = find_account(&database, name)?;
    let now = Clock::system().now();
    let ended = database.write_blocking(|conn| close(conn, user.id, now).map_err(DbError::from))?;
    let name = user.label();
    let Some(ended) = ended else {
        print_line(format_args!("Account '{name}' was already deactivated."))?;
        return Ok(());
    };
    print_line(format_args!(
        "Account '{name}' is deactivated. {}",
        ended_sessions_message(ended.count)
    ))?;
    // The account is closed, so this is no failure of the command.
    if let Err(error) = end_at_workos(&source, &database, user.id) {
        print_errors(&error.lines())?;
    }
    Ok(())
}

fn close(conn: &mut Conn, user_id: UserId, now: Timestamp) -> QueryResult<Option<RevokedSessions>> {
    let ended = accounts::deactivate(conn, user_id, now)?;
    if let Some(ended) = &ended {
        let closed = AuditEvent::AccountClosed {
            user_id,
            by: ChangedBy::Command,
            ended_sessions: ended.count,
        };
        closed.record(conn, &ClientDevice::default(), now)?;
        WorkosRevocation::request(conn, &ended.workos_sids, now)?;
    }
    Ok(ended)
}
