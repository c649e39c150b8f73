//! Keeps accounts closed that an earlier import closed, if a later one lacks the options that closed them.
//!
//! `django_import_options` has the options by table. `django_import_items` has, for each account that an import
//! closed, the options of that import, so that a source that lacks one of them opens none of the
//! accounts.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::dsl::exists;
use diesel::prelude::*;

use super::active::{has_flag_option, opens_accounts};
use super::error::ImportError;
use super::item::ItemKind;
use super::key::KeyColumn;
use super::report::{CountLabel, ImportTally};
use super::row::RawUser;
use super::source::DjangoUserTable;
use crate::accounts::UserKey;
use crate::db::schema::{django_import_items, django_import_options, django_imports};
use crate::db::{Conn, Database, DbError, insert_all};
use crate::ids::UserId;

const KEPT_CLOSED: CountLabel = (
    "closed by earlier imports with options that this one lacks, so that these accounts stay closed",
    "closed by an earlier import with options that this one lacks, so that this account stays closed",
);

/// A row of `django_import_options`.
#[derive(Insertable)]
#[diesel(table_name = django_import_options)]
pub(super) struct KnownOption<'a> {
    pub(super) source_table: &'a str,
    pub(super) option: &'a str,
}

/// The options by which accounts are closed: those of this import, and those of earlier ones.
#[derive(Clone)]
pub(super) struct FlagOptions {
    used: BTreeSet<String>,
    /// The options of earlier imports that this one lacks, whatever their tables were called.
    missing: BTreeSet<String>,
    /// Those of them with which this table was imported.
    missing_here: BTreeSet<String>,
    /// The options of this import that name further values of open accounts.
    opening: Vec<String>,
    /// The names of the table at earlier imports.
    sources: Vec<String>,
}

impl FlagOptions {
    /// Compares the options of this import with those of earlier ones. It is refused if it lacks an option whose
    /// column the table has. `renamed_from`: the table's name at earlier imports.
    pub(super) fn find(
        target: &Database,
        (table, renamed_from): (&DjangoUserTable, Option<&str>),
    ) -> Result<Self, ImportError> {
        let names = [Some(table.plain_name()), renamed_from.map(plain_name)];
        let (known, has_unknown_source) = target.read_blocking(|conn| {
            let unknown = django_imports::table.filter(django_imports::source_table.is_null());
            let has_unknown = diesel::select(exists(unknown)).get_result(conn)?;
            Ok::<_, DbError>((known_options(conn)?, has_unknown))
        })?;
        let used: BTreeSet<String> = table.flag_options().iter().cloned().collect();
        let is_of_table = |name: &str| names.contains(&Some(name));
        let is_known_table = known.iter().any(|(name, _)| is_of_table(name));
        // Of accounts that an earlier version imported, the table is not known.
        let all_count = !is_known_table && has_unknown_source;
        let known_here = known.iter().filter(|(name, _)| is_of_table(name));
        let known_here: Vec<&str> = known_here.map(|(_, option)| option.as_str()).collect();
        let opening = used
            .iter()
            .filter(|option| opens_accounts(option, &known_here));
        let opening = opening.cloned().collect();
        let (mut missing, mut missing_here) = (BTreeSet::new(), BTreeSet::new());
        for (name, option) in known {
            if has_flag_option(&used, &option) {
                continue;
            }
            if is_of_table(&name) || all_count {
                missing_here.insert(option.clone());
            }
            missing.insert(option);
        }
        let to_pass = missing_here.iter();
        let to_pass = to_pass.filter(|option| table.lacks_flag_option(option));
        let to_pass: Vec<&str> = to_pass.map(String::as_str).collect();
        if !to_pass.is_empty() {
            return Err(ImportError::Impossible(format!(
                "--table: an earlier import of {} passed {}; without that, accounts that are closed would be opened. \
                 Pass it again",
                match is_known_table {
                    true => table.plain_name(),
                    false => "another table",
                }
                .escape_debug(),
                to_pass.join(" ").escape_debug(),
            )));
        }
        let sources = renamed_from.map(str::to_owned).into_iter();
        Ok(Self {
            used,
            missing,
            missing_here,
            opening,
            sources: sources.chain([table.source_name()]).collect(),
        })
    }

    /// What the report says if columns are missing by which earlier imports closed accounts, or values are new that
    /// open such accounts.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.missing_here.is_empty() {
            let options: Vec<&str> = self.missing_here.iter().map(String::as_str).collect();
            remarks.push(format!(
                "earlier imports passed {}, and this source has no such column. What they closed stays closed; accounts \
                 that are new here are open, whatever that column says of them. If the column is no longer needed, \
                 delete the option's row in django_import_options",
                options.join(" ").escape_debug()
            ));
        }
        if !self.opening.is_empty() {
            remarks.push(format!(
                "options that no earlier import had, and that open accounts that earlier imports closed: {}",
                self.opening.join(" ").escape_debug()
            ));
        }
        remarks
    }

    /// Adds the options of this import to those of earlier ones.
    pub(super) fn remember(
        &self,
        target: &Database,
        table: &DjangoUserTable,
    ) -> Result<(), ImportError> {
        let source_table = table.plain_name();
        target.write_blocking(|conn| {
            let known = known_options(conn)?;
            let is_new = |option: &&String| {
                let mut known = known.iter();
                !known.any(|(table, known)| table == source_table && known == *option)
            };
            let new = self.used.iter().filter(is_new).map(|option| KnownOption {
                source_table,
                option,
            });
            let new: Vec<KnownOption<'_>> = new.collect();
            if !new.is_empty() {
                insert_all!(conn, django_import_options::table, &new)?;
            }
            Ok::<_, DbError>(())
        })?;
        Ok(())
    }

    /// Marks rows as closed whose accounts were closed with an option that this import lacks, and names them.
    pub(super) fn keep_closed(
        &self,
        target: &Database,
        keys: KeyColumn,
        rows: &mut [RawUser],
        tally: &mut ImportTally,
    ) -> Result<(), ImportError> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let read = rows.iter().map(|row| keys.read(row.c_key.clone()).ok());
        let read: Vec<Option<UserKey>> = read.collect();
        let known: Vec<&UserKey> = read.iter().flatten().collect();
        let kept =
            target.read_blocking(|conn| Ok::<_, DbError>(self.kept_closed(conn, &known)?))?;
        for (row, key) in rows.iter_mut().zip(&read) {
            if let Some(key) = key.as_ref().filter(|key| kept.contains(&key.to_string())) {
                row.c_is_active = Some(b"0".to_vec());
                tally.name(KEPT_CLOSED, key);
            }
        }
        Ok(())
    }

    /// The keys of the accounts that stay closed.
    fn kept_closed(&self, conn: &mut Conn, keys: &[&UserKey]) -> QueryResult<HashSet<String>> {
        let ids: Vec<UserId> = keys.iter().filter_map(|key| key.id()).collect();
        let texts: Vec<&str> = keys.iter().filter_map(|key| key.django_id()).collect();
        let closed = || {
            let source = django_imports::source_table;
            let closed = django_imports::table.filter(django_imports::is_active.eq(false));
            closed.filter(source.is_null().or(source.eq_any(&self.sources)))
        };
        let columns = (django_imports::user_id, django_imports::django_id);
        let by_id = closed().filter(django_imports::user_id.eq_any(ids));
        let mut found: Vec<(UserId, Option<String>)> = by_id
            .filter(django_imports::django_id.is_null())
            .select(columns)
            .load(conn)?;
        let by_text = closed().filter(django_imports::django_id.eq_any(texts));
        found.extend(
            by_text
                .select(columns)
                .load::<(UserId, Option<String>)>(conn)?,
        );
        let ids: Vec<UserId> = found.iter().map(|(id, _)| *id).collect();
        let items: Vec<(UserId, String)> = django_import_items::table
            .filter(django_import_items::user_id.eq_any(ids))
            .filter(django_import_items::kind.eq(ItemKind::Closed.name()))
            .select((django_import_items::user_id, django_import_items::value))
            .load(conn)?;
        let mut options: HashMap<UserId, Vec<String>> = HashMap::new();
        for (id, option) in items {
            options.entry(id).or_default().push(option);
        }
        let stays = |id: &UserId| match options.get(id) {
            Some(options) => options.iter().any(|option| self.missing.contains(option)),
            // An earlier version has closed it.
            None => !self.missing_here.is_empty(),
        };
        found.retain(|(id, _)| stays(id));
        let keys = found.into_iter();
        let keys = keys.map(|(id, text)| text.map_or(UserKey::Id(id), UserKey::Text).to_string());
        Ok(keys.collect())
    }

    /// The options to record of an account that is closed after this import. `recorded`: those recorded before.
    pub(super) fn closing(&self, is_new: bool, recorded: &BTreeSet<String>) -> BTreeSet<String> {
        if recorded.iter().any(|option| self.missing.contains(option)) {
            return recorded.clone();
        }
        match is_new || !recorded.is_empty() || self.missing_here.is_empty() {
            true => self.used.union(recorded).cloned().collect(),
            // An earlier version may have closed the account.
            false => self.missing_here.clone(),
        }
    }
}

/// A table's name without its schema.
pub(super) fn plain_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

/// The remembered options that close accounts, with their tables.
fn known_options(conn: &mut Conn) -> QueryResult<Vec<(String, String)>> {
    django_import_options::table
        .filter(django_import_options::option.not_like("--factor %"))
        .filter(django_import_options::option.not_like("--no-factor %"))
        .order((
            django_import_options::option,
            django_import_options::source_table,
        ))
        .load(conn)
}
