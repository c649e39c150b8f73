//! `vestibule migrate`.

use super::CommandError;
use crate::db::Database;
use crate::settings::{DatabaseSettings, Source};

pub(super) fn run(check: bool, plan: bool) -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(
        &Source::load().map_err(crate::settings::SettingsError::from)?,
    )?;
    let database = Database::open_or_create(&settings)?;
    let mut migrations = database.migrations()?;
    if check || plan {
        let pending = migrations.pending()?;
        if plan {
            println!("Planned operations:");
        }
        for name in &pending {
            println!("  {name}");
        }
        if pending.is_empty() {
            println!("  No planned migration operations.");
        } else if check {
            let message = format!(
                "{} migrations are not applied; run `vestibule migrate`",
                pending.len()
            );
            return Err(CommandError::Failed(message));
        }
        return Ok(());
    }
    println!("Running migrations:");
    let mut applied = false;
    while let Some(name) = migrations.apply_next()? {
        println!("  Applying {name}... OK");
        applied = true;
    }
    if !applied {
        println!("  No migrations to apply.");
    }
    Ok(())
}
