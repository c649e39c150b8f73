//! `vestibule flushexpiredtokens`.

use super::{CommandError, say, up_to_date};
use crate::clock::Clock;
use crate::purge::purge;
use crate::settings::{DatabaseSettings, SettingsError, Source, TokenSettings};

pub(super) fn run() -> Result<(), CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    let lifetime = TokenSettings::access_lifetime_from(&source)?;
    let database = up_to_date(&DatabaseSettings::from_source(&source)?)?;
    let now = Clock::system().now();
    let gone = actix_web::rt::System::new().block_on(purge(&database, lifetime, now))?;
    let tokens = counted(gone.refresh_tokens, "expired refresh token");
    let sessions = counted(gone.sessions, "expired session");
    let events = counted(gone.webhook_events, "old webhook event");
    let sign_ins = counted(gone.unfinished_sign_ins, "unfinished sign-in");
    say(format_args!(
        "Deleted {tokens}, {sessions}, {sign_ins} and {events}."
    ))?;
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
