//! Checks whether the database was restored from a backup, and whether its clock is this machine's.

use std::time::Instant;

use super::report::{CheckLevel, CheckMessage, sentence};
use crate::clock::{Clock, ClockDifference};
use crate::database_epoch::{DatabaseEpoch, RestoreMark, restored_message};
use crate::db::{Database, DbError, database_now};
use crate::settings::Settings;

/// The findings about the state of a migrated database.
pub fn restored(settings: &Settings, database: &Database) -> Result<Vec<CheckMessage>, DbError> {
    let file = settings.database.restore_mark_file.as_deref();
    // Before the row: another server that starts at this moment may write the first heartbeat after a long time.
    let mark = RestoreMark::open(file).latest();
    let (began, now) = (Instant::now(), Clock::system().now());
    let (epoch, database_now) = database.read_blocking(|conn| {
        Ok::<_, DbError>((DatabaseEpoch::read(conn)?, database_now(conn)?))
    })?;
    let difference = ClockDifference::find(now, database_now, began.elapsed());
    let restored_from = epoch.restored_from(mark);
    let restored = restored_from.map(|until| {
        let hint = match file {
            Some(file) => format!(
                "If another database was put into this place on purpose, delete {}.",
                file.display()
            ),
            None => "See docs/operations.md, \"Backups\".".to_owned(),
        };
        let message = sentence(restored_message(until));
        CheckMessage::new("database.E002", CheckLevel::Error, message, hint)
    });
    let clocks = difference.map(|it| {
        CheckMessage::new(
            "database.W004",
            CheckLevel::Warning,
            sentence(it),
            "Sessions and tokens have times; see docs/operations.md, \"Clocks\".",
        )
    });
    Ok(restored.into_iter().chain(clocks).collect())
}
