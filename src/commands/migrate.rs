//! `vestibule migrate`.

use super::error::CommandError;
use super::output::print_line;
use super::prompt::print_errors;
use super::source::load_source;
use crate::accounts::rewrite_email_keys;
use crate::checks::unapplied_migrations;
use crate::db::Database;
use crate::settings::DatabaseSettings;

pub(super) fn run(check: bool, plan: bool) -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(&load_source()?)?;
    if check || plan {
        return show_pending(&settings, check, plan);
    }
    let database = Database::open_or_create(&settings)?;
    let mut migrations = database.migrations()?;
    // All migrations are applied even if the progress cannot be printed.
    let mut printed = print_line("Running migrations:");
    let mut applied = false;
    loop {
        let mut waits = Ok(());
        let next = migrations.apply_next_and_tell(|wait| {
            waits = print_line(format_args!("  Waiting: {wait}"));
        })?;
        printed = printed.and(waits);
        let Some(name) = next else { break };
        printed = printed.and(print_line(format_args!("  Applying {name}... OK")));
        applied = true;
    }
    // It holds the only connection that writes to SQLite.
    drop(migrations);
    let keys = rewrite_email_keys(&database)?;
    if !applied {
        printed = printed.and(print_line("  No migrations to apply."));
    }
    if keys.rewritten > 0 {
        let message = format!("  Updated the keys of {} emails.", keys.rewritten);
        printed = printed.and(print_line(message));
    }
    if !keys.conflicts.is_empty() {
        print_errors(&[format!("Warning: {}", keys.conflict_message())])?;
    }
    Ok(printed?)
}

fn show_pending(settings: &DatabaseSettings, check: bool, plan: bool) -> Result<(), CommandError> {
    let pending = Database::pending_migrations(settings)?;
    if plan {
        print_line("Planned operations:")?;
    }
    for name in &pending {
        print_line(format_args!("  {name}"))?;
    }
    match pending.len() {
        0 => print_line("  No planned migration operations.")?,
        count if check => {
            let message = format!("{}; run `vestibule migrate`", unapplied_migrations(count));
            return Err(CommandError::Failed(message));
        }
        _ => {}
    }
    Ok(())
}
