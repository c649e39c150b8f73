//! `vestibule logout`.

use std::collections::BTreeSet;

use diesel::QueryResult;

use super::account::{ended_sessions_message, find_account};
use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::accounts::revoke_all_sessions;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, DbError};
use crate::ids::{UserId, WorkosSid};
use crate::sessions::SessionRow;
use crate::settings::{DatabaseSettings, Settings, Source, WorkosSettings};
use crate::sign_out::revoke_sessions_at_workos;
use crate::workos::{ClientDevice, WorkosClient};

pub(super) fn run(name: &str) -> Result<(), CommandError> {
    let source = load_source()?;
    let database = open_migrated(&DatabaseSettings::from_source(&source)?)?;
    let user = find_account(&database, name)?;
    let now = Clock::system().now();
    let ended =
        database.write_blocking(|conn| end_all(conn, user.id, now).map_err(DbError::from))?;
    print_line(format_args!(
        "Account '{}' is logged out. {}",
        user.label(),
        ended_sessions_message(ended.len())
    ))?;
    let sids: BTreeSet<WorkosSid> = ended.into_iter().filter_map(|row| row.workos_sid).collect();
    end_at_workos(&source, &sids)
}

/// Ends the sessions at WorkOS that have ended here.
pub(super) fn end_at_workos(
    source: &Source,
    sids: &BTreeSet<WorkosSid>,
) -> Result<(), CommandError> {
    if sids.is_empty() {
        return Ok(());
    }
    revoke(source, sids).map_err(|reason| {
        CommandError::Failed(format!(
            "the sessions ended here, but not all of them at WorkOS: {reason}; end them in WorkOS's dashboard, because a browser that is signed in there can log in to an active account without a password"
        ))
    })
}

fn end_all(conn: &mut Conn, user_id: UserId, now: Timestamp) -> QueryResult<Vec<SessionRow>> {
    let ended = revoke_all_sessions(conn, user_id, now)?;
    let event = AuditEvent::SessionsRevoked {
        user_id,
        reason: RevocationReason::Command,
        ended_sessions: ended.len(),
    };
    event.record(conn, &ClientDevice::default(), now)?;
    Ok(ended)
}

/// Ends the sessions at WorkOS, or returns why some were not ended.
fn revoke(source: &Source, sids: &BTreeSet<WorkosSid>) -> Result<(), String> {
    // The sessions here have ended, whether or not the settings of WorkOS can be read.
    let settings = workos_settings(source)?;
    let workos = WorkosClient::new(&settings).map_err(|error| error.to_string())?;
    actix_web::rt::System::new()
        .block_on(revoke_sessions_at_workos(&workos, sids))
        .map_err(|failure| failure.to_string())
}

fn workos_settings(source: &Source) -> Result<WorkosSettings, String> {
    match Settings::read(source) {
        Ok(settings) => Ok(settings.workos),
        Err(error) => Err(CommandError::from(error).lines().join("; ")),
    }
}
