//! `vestibule restored`.

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::clock::Clock;
use crate::database_epoch::RestoreMark;
use crate::restore::end_what_was_restored;
use crate::settings::DatabaseSettings;

pub(super) fn run() -> Result<(), CommandError> {
    let settings = DatabaseSettings::from_source(&load_source()?)?;
    let database = open_migrated(&settings)?;
    let mut mark = RestoreMark::open(settings.restore_mark_file.as_deref());
    let report = end_what_was_restored(&database, &mut mark, Clock::system().now())?;
    database.close()?;
    print_line(format_args!(
        "The data of the database go up to {}.\n\
         Ended everything that was issued since. Of what the backup has:\n\
         - {} tokens of {} accounts have ended.\n\
         - {} sessions have ended, and {} go on if WorkOS confirms them at their next request.\n\
         - {} sign-ins that waited for a further step have ended.\n\
         New accounts get ids that were not given out before.",
        report.data_until,
        report.ended_tokens,
        report.accounts,
        report.ended_sessions,
        report.unconfirmed_sessions,
        report.ended_sign_ins,
    ))?;
    Ok(())
}
