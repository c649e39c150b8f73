//! Django's users move in: what `import-django` does.
//!
//! [`import`] reads one snapshot of the source from end to end, in the order of its keys, and writes
//! here in transactions of [`BATCH`] rows. So it needs the memory of one batch, can be interrupted at
//! any moment, and a second run finishes what the first began. What it brought of each row stands in
//! `django_imports`: a value that is no longer what was brought has been changed here, and is left.

mod blacklist;
mod decode;
mod existing;
mod ledger;
mod merge;
mod plan;
mod planner;
mod report;
mod row;
mod source;
mod time;

use diesel::result::{DatabaseErrorKind, Error as QueryError};

pub use report::{ImportReport, ImportTally, RefusalReason, RefusedRow};

use crate::clock::Clock;
use crate::db::source::ForeignDatabase;
use crate::db::{Conn, Database, DbError, bump_sequence};
use crate::settings::{DatabaseSettings, DatabaseUrl};
use planner::ImportPlanner;
use source::DjangoUserTable;

/// Rows of one transaction: enough that its commit weighs little, few enough that its one `INSERT`
/// stays below the databases' bounds on parameters.
const BATCH: usize = 1000;
/// A batch is written again when somebody who signed up meanwhile took an e-mail in it; more often
/// than this means that something else is wrong.
const ROUNDS: usize = 4;
/// Until the switch Django goes on giving ids out, and an id that both have given out would let an old
/// token mean a new user. So ids given out here start this far above Django's highest, rounded up.
const HEADROOM: i64 = 1_000_000;
/// The highest key that is taken: above 2⁵³ JavaScript reads another number in JSON.
const HIGHEST_KEY: i64 = (1 << 53) - 1_000_000_000;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Django's database.
    pub from: DatabaseUrl,
    /// Its user table.
    pub table: String,
    /// The column with the ids of WorkOS's users.
    pub workos_id_column: Option<String>,
    /// Whether every e-mail counts as verified.
    pub emails_verified: bool,
    /// Writes nothing.
    pub dry_run: bool,
}

/// Why an import could not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something is not as it must be; the sentence names the mend.
    #[error("{0}")]
    Impossible(String),
    /// Django's database cannot be read.
    #[error("--from: {0}")]
    Source(DbError),
    /// Our own database.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// What is told while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// So many rows of the user table are to be read.
    Users(u64),
    /// So many more rows were read.
    Read(u64),
}

/// Imports Django's users, then simplejwt's blacklist where there is one.
pub fn import(
    settings: &DatabaseSettings,
    options: &ImportOptions,
    clock: &Clock,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<ImportReport, ImportError> {
    // Before anything opens ours, which turns a SQLite file into one with a write-ahead log.
    refuse_the_same_file(&settings.url, &options.from)?;
    let mut source = ForeignDatabase::open(&options.from).map_err(ImportError::Source)?;
    let table = DjangoUserTable::find(
        &mut source,
        &options.table,
        options.workos_id_column.as_deref(),
    )?;
    let blacklist = blacklist::find(&mut source, &table)?;
    let target = open_target(settings, options.dry_run)?;
    refuse_the_same_table(&target, &mut source, &table)?;

    let mut report = ImportReport::new(options);
    if !options.dry_run {
        keep_ids_apart(&target, &mut source, &table)?;
    }
    let rows = source.count(table.name()).map_err(ImportError::Source)?;
    progress(ImportProgress::Users(rows));
    let mut bringing = ImportPlanner::new(options, clock);
    let query = table.query(&source);
    source.for_each_batch(&query, BATCH, ImportError::Source, |batch| {
        let read = batch.len();
        bringing.batch(&target, batch, &mut report.users)?;
        progress(ImportProgress::Read(
            u64::try_from(read).unwrap_or(u64::MAX),
        ));
        Ok(())
    })?;
    if let Some(query) = blacklist {
        let mut tally = ImportTally::default();
        source.for_each_batch(&query, BATCH, ImportError::Source, |batch| {
            blacklist::bring(&target, batch, clock.now(), options.dry_run, &mut tally)
        })?;
        report.tokens = Some(tally);
    }
    Ok(report)
}

fn open_target(settings: &DatabaseSettings, dry_run: bool) -> Result<Database, ImportError> {
    let database = if dry_run {
        Database::open_read_only(settings)?
    } else {
        Database::open(settings)?
    };
    let pending = database.migrations()?.pending()?;
    if pending.is_empty() {
        Ok(database)
    } else {
        let count = pending.len();
        let url = &settings.url;
        Err(ImportError::Impossible(format!(
            "DATABASE_URL: {url} lacks {count} migrations; run `vestibule migrate`"
        )))
    }
}

fn refuse_the_same_file(ours: &DatabaseUrl, theirs: &DatabaseUrl) -> Result<(), ImportError> {
    use std::os::unix::fs::MetadataExt;

    let (DatabaseUrl::Sqlite(ours), DatabaseUrl::Sqlite(theirs)) = (ours, theirs) else {
        return Ok(());
    };
    // By the file itself: a link is the same file under another name.
    let file = |path: &std::path::Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    if file(ours).is_some() && file(ours) == file(theirs) {
        return Err(ImportError::Impossible(
            "--from and DATABASE_URL are the same file; --from wants Django's database".to_owned(),
        ));
    }
    Ok(())
}

fn refuse_the_same_table(
    target: &Database,
    source: &mut ForeignDatabase,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let theirs = source.identity(table.name()).map_err(ImportError::Source)?;
    let ours = target.read_blocking(|conn| crate::db::source::identity(conn, "users"))?;
    if theirs.is_some() && theirs == ours {
        return Err(ImportError::Impossible(
            "--table names vestibule's own table users; it wants Django's, such as auth_user"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Before the first row, so that an interrupted import is safe too.
fn keep_ids_apart(
    target: &Database,
    source: &mut ForeignDatabase,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let highest = source
        .max_integer(table.name(), table.key(), HIGHEST_KEY)
        .map_err(ImportError::Source)?;
    if let Some(highest) = highest {
        let floor = ids_start_above(highest);
        target.write_blocking(|conn| bump_sequence(conn, "users", floor).map_err(DbError::from))?;
    }
    Ok(())
}

fn ids_start_above(highest: i64) -> i64 {
    (highest / HEADROOM + 2) * HEADROOM
}

/// Writes in one transaction, and again from the start when somebody else took what is unique.
fn write_again_when_taken<T>(
    target: &Database,
    mut write: impl FnMut(&mut Conn) -> Result<T, DbError>,
) -> Result<T, DbError> {
    for _ in 1..ROUNDS {
        match target.write_blocking(&mut write) {
            Err(DbError::Rejected(QueryError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                _,
            ))) => {}
            outcome => return outcome,
        }
    }
    target.write_blocking(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_on_at_least_a_million_above_djangos() {
        for (highest, floor) in [
            (1, 2_000_000),
            (999_999, 2_000_000),
            (1_000_000, 3_000_000),
            (1_000_001, 3_000_000),
        ] {
            assert_eq!(ids_start_above(highest), floor);
            assert!(floor - highest >= HEADROOM);
        }
        assert!(ids_start_above(HIGHEST_KEY) < (1 << 53) - 900_000_000);
    }
}
