//! `vestibule flushexpiredtokens`.

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::purge::purge;
use crate::settings::{DatabaseSettings, RetentionSettings};

pub(super) fn run() -> Result<(), CommandError> {
    let source = load_source()?;
    let retention = RetentionSettings::from_source(&source)?;
    let database = open_migrated(&DatabaseSettings::from_source(&source)?)?;
    let deleted = actix_web::rt::System::new().block_on(purge(&database, &retention))?;
    let tokens = counted(deleted.refresh_tokens, "expired refresh token");
    let sessions = counted(deleted.sessions, "expired session");
    let events = counted(deleted.webhook_events, "old webhook event");
    let sign_ins = counted(deleted.pending_sign_ins, "pending sign-in");
    print_line(format_args!(
        "Deleted {tokens}, {sessions}, {sign_ins} and {events}."
    ))?;
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
