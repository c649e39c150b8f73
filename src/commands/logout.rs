//! `vestibule logout`.

use std::time::{Duration, Instant};

use diesel::QueryResult;

use super::account::{ended_sessions_message, find_account};
use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::accounts::revoke_all_sessions;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::sessions::{SessionRow, WorkosRevocation};
use crate::settings::{DatabaseSettings, Settings, Source, WorkosSettings};
use crate::sign_out::WorkosRevocations;
use crate::workos::{ClientDevice, WorkosClient};

/// How long the command waits for a running server that is sending the revocations.
const PATIENCE: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

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
    end_at_workos(&source, &database, user.id)
}

/// Revokes at WorkOS the sessions of a user that have ended here, also those that a browser was to end there. Fails
/// if some are not revoked yet.
pub(super) fn end_at_workos(
    source: &Source,
    database: &Database,
    user_id: UserId,
) -> Result<(), CommandError> {
    let now = Clock::system().now();
    database.write_blocking(|conn| {
        WorkosRevocation::settle(conn, user_id, None, now).map_err(DbError::from)
    })?;
    let count = || {
        database.read_blocking(move |conn| {
            WorkosRevocation::count_of_user(conn, user_id).map_err(DbError::from)
        })
    };
    if count()? == 0 {
        return Ok(());
    }
    let sent = revoke(source, database, user_id);
    let until = Instant::now() + PATIENCE;
    let mut left = count()?;
    while left > 0 && sent.is_ok() && Instant::now() < until {
        // A running server is sending them.
        std::thread::sleep(POLL_INTERVAL);
        left = count()?;
    }
    if left == 0 {
        return Ok(());
    }
    let reason = match sent {
        Ok(()) => "an earlier attempt failed".to_owned(),
        Err(reason) => reason,
    };
    Err(CommandError::Failed(format!(
        "the sessions ended here, but {left} not yet at WorkOS: {reason}; a running server tries again for a day; until then a browser that is signed in there can log in to an active account without a password"
    )))
}

fn end_all(conn: &mut Conn, user_id: UserId, now: Timestamp) -> QueryResult<Vec<SessionRow>> {
    let ended = revoke_all_sessions(conn, user_id, now)?;
    let event = AuditEvent::SessionsRevoked {
        user_id,
        reason: RevocationReason::Command,
        ended_sessions: ended.len(),
    };
    event.record(conn, &ClientDevice::default(), now)?;
    let sids = ended.iter().filter_map(|row| row.workos_sid.as_ref());
    WorkosRevocation::request(conn, sids, now)?;
    Ok(ended)
}

/// Sends the revocations of a user that are due, or returns why some were not sent.
fn revoke(source: &Source, database: &Database, user_id: UserId) -> Result<(), String> {
    // The sessions here have ended, whether or not the settings of WorkOS can be read.
    let settings = workos_settings(source)?;
    let workos = WorkosClient::new(&settings).map_err(|error| error.to_string())?;
    let revocations = WorkosRevocations::new(database.clone(), workos, Clock::system());
    actix_web::rt::System::new()
        .block_on(revocations.send_due(Some(user_id)))
        .map_err(|failure| failure.to_string())
}

fn workos_settings(source: &Source) -> Result<WorkosSettings, String> {
    match Settings::read(source) {
        Ok(settings) => Ok(settings.workos),
        Err(error) => Err(CommandError::from(error).lines().join("; ")),
    }
}
