//! `vestibule backup` and `vestibule restore`.

use std::path::Path;

use super::error::CommandError;
use super::output::print_line;
use super::restored;
use super::source::load_source;
use crate::checks::unapplied_migrations;
use crate::clock::Clock;
use crate::db;
use crate::settings::DatabaseSettings;

pub(super) fn back_up(target: &Path) -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(&load_source()?)?;
    let bytes = db::backup(&settings, target)?;
    print_line(format_args!(
        "Backed up {} to {} ({bytes} bytes).",
        settings.url,
        target.display()
    ))?;
    Ok(())
}

pub(super) fn restore(source: &Path) -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(&load_source()?)?;
    let restored = db::restore(&settings, source, Clock::system().now())?;
    print_line(format_args!(
        "Restored {} from {}.",
        restored.database.display(),
        source.display()
    ))?;
    if let Some(previous) = &restored.previous {
        print_line(format_args!(
            "The previous file is kept as {}.",
            previous.display()
        ))?;
    }
    if restored.pending_migrations > 0 {
        let lacks = unapplied_migrations(restored.pending_migrations);
        print_line(format_args!(
            "{lacks}; run `vestibule migrate`, and then `vestibule restored`."
        ))?;
        return Ok(());
    }
    restored::run()
}
