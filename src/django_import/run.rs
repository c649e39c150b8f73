//! Runs an import: checks both databases, then reads the users and the blacklist batch by batch.

use super::blacklist;
use super::dump;
use super::error::ImportError;
use super::factor_options::FactorOptions;
use super::flag_options::FlagOptions;
use super::issuers::provider_issuers;
use super::items::ItemImport;
use super::key::HIGHEST_KEY;
use super::options::{ImportOptions, ImportProgress, ImportSource};
use super::pass::ImportPass;
use super::planner::ImportPlanner;
use super::renamed::{refuse_wrong_name, rename_source};
use super::report::{CountLabel, ImportReport, ImportTally};
use super::source::{DjangoUserTable, UserRows};
use super::source_keys::ABSENT;
use super::usernames::no_email;
use crate::accounts::rewrite_email_keys;
use crate::clock::Clock;
use crate::db::source::ForeignDatabase;
use crate::db::{Database, DbError, bump_sequence};
use crate::keys::Keys;
use crate::settings::{DatabaseSettings, DatabaseUrl};

/// Django keeps assigning ids until the project has switched over. If both sides assigned the same
/// id, an old token would be valid for a new user. So ids assigned here start this far above
/// Django's highest, rounded up.
const ID_HEADROOM: i64 = 1_000_000;

/// The report's remark on a provider that an option names.
const UNUSED_PROVIDER: CountLabel = (
    "providers of --issuer that no identity has: are they spelt as in Django's table?",
    "provider of --issuer that no identity has: is it spelt as in Django's table?",
);
/// The report's remark on an account that keeps the email key of an earlier version.
const OTHER_SPELLING: CountLabel = (
    "accounts here whose emails are other spellings of the emails of other accounts",
    "account here whose email is another spelling of another account's",
);

/// Imports Django's users, then simplejwt's blacklist if there is one. `keys` encrypt second factors, and
/// are needed only if these are imported.
pub fn import(
    settings: &DatabaseSettings,
    options: &ImportOptions,
    keys: Option<Keys>,
    clock: &Clock,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<ImportReport, ImportError> {
    // This comes first, since opening our database turns a SQLite file into one with a write-ahead
    // log.
    refuse_the_same_file(&settings.url, &options.from)?;
    let (mut source, mut options, other_users) = open_source(options)?;
    let target = open_target(settings, options.dry_run)?;
    let factor_options = FactorOptions::apply(&target, &mut source, &mut options)?;
    let options = &options;
    refuse_the_same_table(&target, &mut source, &options.table)?;
    let table = DjangoUserTable::find(&mut source, options, clock.now())?;
    factor_options.refuse_unknown(&target, &table)?;
    let blacklist = blacklist::find_query(&mut source, &table)?;
    let source_table = table.source_name();
    if let Some(old) = &options.renamed_from {
        refuse_wrong_name(&target, old, &table)?;
    }
    refuse_repeated_keys(&mut source, &table)?;
    let issuers = provider_issuers(&mut source, options, table.related())?;
    let flags = FlagOptions::find(&target, (&table, options.renamed_from.as_deref()))?;

    let mut report = ImportReport::new(options);
    report.second_factors = table.factor_remark().map(str::to_owned);
    report.closed_accounts = flags.remarks();
    report.factor_options = factor_options.remark(&table);
    report.source = table.notes().clone();
    report.source.other_users = other_users;
    if !options.dry_run {
        // The emails of the rows are compared with current keys.
        for id in rewrite_email_keys(&target)?.conflicts {
            report.users.note(OTHER_SPELLING, id);
        }
        reserve_ids(&target, &mut source, &table)?;
        if let Some(old) = &options.renamed_from {
            rename_source(&target, old, &table)?;
        }
        flags.remember(&target, &table)?;
        factor_options.remember(&target)?;
    }
    let rows = source.count(table.name()).map_err(ImportError::Source)?;
    progress(ImportProgress::Users(rows));
    let items = ItemImport {
        issuers,
        keys: keys.filter(|_| options.require_totp),
        reads: table.related().reads(),
        factor_tables: table.related().factors().tables(),
        no_factors: factor_options.left_out(),
        flags: flags.clone(),
    };
    let mut planner = ImportPlanner::new(options, &table, items, clock);
    planner.survey(&target, |take| {
        for rows in [UserRows::Open, UserRows::Closed] {
            let query = table.query(&source, rows);
            source.for_each_batch(&query, options.batch, ImportError::Source, |mut batch| {
                // The passes name these accounts.
                let mut unused = ImportTally::default();
                if rows == UserRows::Open {
                    flags.keep_closed(&target, table.key_column(), &mut batch, &mut unused)?;
                }
                take(batch)
            })?;
        }
        Ok(())
    })?;
    for pass in ImportPass::ALL {
        let query = table.query(&source, pass.rows());
        source.for_each_batch(&query, options.batch, ImportError::Source, |mut batch| {
            if pass == ImportPass::Open {
                let keys = table.key_column();
                flags.keep_closed(&target, keys, &mut batch, &mut report.users)?;
            }
            let read = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            planner.import_batch(&target, pass, batch, &mut report.users)?;
            if pass != ImportPass::ClosedKnown {
                progress(ImportProgress::Read(read));
            }
            Ok(())
        })?;
    }
    if let Some((query, keys)) = blacklist {
        let mut tally = ImportTally::default();
        source.for_each_batch(&query, options.batch, ImportError::Source, |batch| {
            blacklist::import_batch(
                &target,
                (keys, &source_table),
                batch,
                clock.now(),
                options.dry_run,
                &mut tally,
            )
        })?;
        report.tokens = Some(tally);
    }
    for provider in options.issuers.keys() {
        if !report.users.providers.contains(provider) {
            report.users.note(UNUSED_PROVIDER, provider.escape_debug());
        }
    }
    planner.note_accounts(&target, &mut report.users)?;
    let refused = no_email().and_then(|reason| report.users.refused.get(&reason));
    let refused = refused.map_or(0, |(count, _)| *count);
    if refused * 2 > rows && !table.unread_fields().contains(&"username") {
        report.source.without_emails = Some(format!(
            "{refused} of {rows} rows have none. If users sign in with a username, set LOGIN_FIELD=username, and import \
             again"
        ));
    }
    if matches!(options.from, ImportSource::Dump(_)) {
        let absent = report.users.notes.get(&ABSENT);
        report.source.missing_rows = absent.map(|(count, _)| missing_rows(*count));
    }
    report.not_imported = table.related().count_unread(&mut source)?;
    Ok(report)
}

/// Fails if several rows have the same key. One of them may say that the account is closed, and another that it is
/// not.
fn refuse_repeated_keys(
    source: &mut ForeignDatabase,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let keys = source.repeated(table.name(), table.key());
    let keys = keys.map_err(ImportError::Source)?;
    if keys.is_empty() {
        return Ok(());
    }
    Err(ImportError::Impossible(format!(
        "{} has several rows with the same key: {}. Each person must have one row: a view that joins a table of statuses or bans returns one for each of their rows",
        table.name(),
        keys.join(", ")
    )))
}

/// What the report says if accounts are not in a dump.
fn missing_rows(accounts: u64) -> String {
    format!(
        "open accounts here that are not in the dump: {accounts}. Nothing was done with them. The dump may be partial: \
         without --all, `manage.py dumpdata` leaves out what the model's default manager hides, such as users that \
         are marked as deleted. If Django has deleted or hidden them, close them here"
    )
}

/// Opens the source, and names the user table as it is called there.
/// Also returns what the report says of users of another model.
fn open_source(
    options: &ImportOptions,
) -> Result<(ForeignDatabase, ImportOptions, Option<String>), ImportError> {
    let mut options = options.clone();
    let (source, other_users) = match &options.from {
        ImportSource::Database(url) => {
            let source = ForeignDatabase::open(url).map_err(ImportError::Source)?;
            (source, None)
        }
        ImportSource::Dump(path) => {
            options.table = dump::table_name(&options.table);
            dump::load(path, &options.table)?
        }
    };
    Ok((source, options, other_users))
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
        let migrations = match pending.len() {
            1 => "1 migration".to_owned(),
            many => format!("{many} migrations"),
        };
        let url = &settings.url;
        Err(ImportError::Impossible(format!(
            "DATABASE_URL: {url} lacks {migrations}; run `vestibule migrate`"
        )))
    }
}

fn refuse_the_same_file(ours: &DatabaseUrl, theirs: &ImportSource) -> Result<(), ImportError> {
    use std::os::unix::fs::MetadataExt;

    let ImportSource::Database(theirs) = theirs else {
        return Ok(());
    };
    let (DatabaseUrl::Sqlite(ours), DatabaseUrl::Sqlite(theirs)) = (ours, theirs) else {
        return Ok(());
    };
    // Compared by device and inode, since a link is the same file under another path.
    let file = |path: &std::path::Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    if file(ours).is_some() && file(ours) == file(theirs) {
        return Err(ImportError::Impossible(
            "--from and DATABASE_URL are the same file; --from must be Django's database"
                .to_owned(),
        ));
    }
    Ok(())
}

fn refuse_the_same_table(
    target: &Database,
    source: &mut ForeignDatabase,
    table: &str,
) -> Result<(), ImportError> {
    let theirs = match source.table(table).map_err(ImportError::Source)? {
        Some(table) => source.identity(&table).map_err(ImportError::Source)?,
        None => None,
    };
    let ours = target.read_blocking(|conn| crate::db::source::identity(conn, "users"))?;
    if theirs.is_some() && theirs == ours {
        return Err(ImportError::Impossible(
            "--table is vestibule's own table users; it must be Django's, such as auth_user"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Raises the next id here far above Django's highest id. Done before the first row is written, so
/// that an interrupted import is safe too.
fn reserve_ids(
    target: &Database,
    source: &mut ForeignDatabase,
    table: &DjangoUserTable,
) -> Result<(), ImportError> {
    let highest = source
        .max_integer(table.name(), table.key(), HIGHEST_KEY)
        .map_err(ImportError::Source)?;
    if let Some(highest) = highest {
        let floor = first_id_above(highest);
        target.write_blocking(|conn| bump_sequence(conn, "users", floor).map_err(DbError::from))?;
    }
    Ok(())
}

fn first_id_above(highest: i64) -> i64 {
    (highest / ID_HEADROOM + 2) * ID_HEADROOM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_start_at_least_a_million_above_djangos() {
        for (highest, floor) in [
            (1, 2_000_000),
            (999_999, 2_000_000),
            (1_000_000, 3_000_000),
            (1_000_001, 3_000_000),
        ] {
            assert_eq!(first_id_above(highest), floor);
            assert!(floor - highest >= ID_HEADROOM);
        }
        assert!(first_id_above(HIGHEST_KEY) < (1 << 53) - 900_000_000);
    }
}
