//! `vestibule migrate`.

use super::{CommandError, say};
use crate::checks::not_applied;
use crate::db::Database;
use crate::settings::{DatabaseSettings, SettingsError, Source};

pub(super) fn run(check: bool, plan: bool) -> Result<(), CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    let settings = DatabaseSettings::from_source(&source)?;
    if check || plan {
        return look(&settings, check, plan);
    }
    let database = Database::open_or_create(&settings)?;
    let mut migrations = database.migrations()?;
    say("Running migrations:")?;
    let mut applied = false;
    while let Some(name) = migrations.apply_next()? {
        say(format_args!("  Applying {name}... OK"))?;
        applied = true;
    }
    if !applied {
        say("  No migrations to apply.")?;
    }
    Ok(())
}

fn look(settings: &DatabaseSettings, check: bool, plan: bool) -> Result<(), CommandError> {
    let pending = Database::pending_migrations(settings)?;
    if plan {
        say("Planned operations:")?;
    }
    for name in &pending {
        say(format_args!("  {name}"))?;
    }
    match pending.len() {
        0 => say("  No planned migration operations.")?,
        count if check => {
            let message = format!("{}; run `vestibule migrate`", not_applied(count));
            return Err(CommandError::Failed(message));
        }
        _ => {}
    }
    Ok(())
}
