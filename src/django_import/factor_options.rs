//! Remembers what `--factor` and `--no-factor` have named.
//!
//! An import that is repeated every night would otherwise let new accounts in with a password alone, because the option
//! was given once, by hand. So a name counts in later imports of the table too, until the opposite option gives it.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::error::ImportError;
use super::flag_options::{KnownOption, plain_name};
use super::options::ImportOptions;
use super::source::DjangoUserTable;
use super::withheld::withheld_tables;
use crate::db::schema::django_import_options;
use crate::db::source::ForeignDatabase;
use crate::db::{Database, DbError, insert_all};

/// The options, as they are remembered before a space and a name.
const OPTIONS: [&str; 2] = ["--factor", "--no-factor"];

/// The names of `--factor`, and those of `--no-factor`.
type Names = [BTreeSet<String>; 2];

/// The names that options give to tables and columns of second factors, and to others.
pub(super) struct FactorOptions {
    given: Names,
    /// The names that earlier imports have given, besides those that this one gives.
    remembered: Names,
    /// The names of the user table at this and at earlier imports, and of the table that a view is built on.
    tables: BTreeSet<String>,
}

impl FactorOptions {
    /// Reads the remembered names, and adds them to the options.
    pub(super) fn apply(
        target: &Database,
        source: &mut ForeignDatabase,
        options: &mut ImportOptions,
    ) -> Result<Self, ImportError> {
        let quoted = source.table(&options.table).map_err(ImportError::Source)?;
        let table = quoted.as_deref().unwrap_or(&options.table);
        let others = [&options.renamed_from, &options.view_of].into_iter();
        let others = others.flatten().map(String::as_str);
        let tables = others.chain([table]).map(|name| {
            let name = plain_name(name).trim_matches('"');
            name.to_owned()
        });
        let tables: BTreeSet<String> = tables.collect();
        let names = |names: &[String]| {
            let plain = names.iter().map(|name| without_table(name, &tables));
            plain.map(str::to_owned).collect()
        };
        let mut found = Self {
            given: [names(&options.factors), names(&options.no_factors)],
            remembered: Names::default(),
            tables,
        };
        let known = django_import_options::table
            .filter(django_import_options::source_table.eq_any(&found.tables))
            .select(django_import_options::option);
        let known: Vec<String> =
            target.read_blocking(|conn| Ok::<_, DbError>(known.load(conn)?))?;
        for option in known {
            let Some((option, name)) = option.split_once(' ') else {
                continue;
            };
            let at = OPTIONS.iter().position(|known| *known == option);
            let is_given = found.given.iter().any(|given| given.contains(name));
            if let Some(names) = at.and_then(|at| found.remembered.get_mut(at))
                && !is_given
            {
                names.insert(name.to_owned());
            }
        }
        let [factors, no_factors] = &found.given;
        let [more, no_more] = &found.remembered;
        options.factors = factors.union(more).cloned().collect();
        options.no_factors = no_factors.union(no_more).cloned().collect();
        Ok(found)
    }

    /// Refuses a name of this import's options that the source does not have. `--no-factor` may also name a table or
    /// column because of which an earlier import has withheld passwords.
    pub(super) fn refuse_unknown(
        &self,
        target: &Database,
        table: &DjangoUserTable,
    ) -> Result<(), ImportError> {
        let factors = table.related().factors();
        let [given, given_left_out] = &self.given;
        let of_table = || table.plain_name().escape_debug();
        if let Some(name) = factors.unknown.iter().find(|name| given.contains(*name)) {
            return Err(ImportError::Impossible(format!(
                "--factor: {} is neither a column of {} that no other option names, nor a table with a foreign key to it",
                name.escape_debug(),
                of_table()
            )));
        }
        let unknown = factors.unknown_left_out.iter();
        let mut unknown = unknown
            .filter(|name| given_left_out.contains(*name))
            .peekable();
        if unknown.peek().is_none() {
            return Ok(());
        }
        let withheld = target.read_blocking(|conn| Ok::<_, DbError>(withheld_tables(conn)?))?;
        let is_withheld = |name: &&String| {
            let mut withheld = withheld.iter();
            withheld.any(|known| without_table(known, &self.tables) == name.as_str())
        };
        match unknown.find(|name| !is_withheld(name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = factors.names_of_others().collect();
                Err(ImportError::Impossible(format!(
                    "--no-factor: {} is none of the tables and columns whose names are those of second factors: {}",
                    name.escape_debug(),
                    known.join(", ").escape_debug()
                )))
            }
        }
    }

    /// What `--no-factor` leaves out, with and without the names of the user table.
    pub(super) fn left_out(&self) -> BTreeSet<String> {
        let [given, remembered] = [&self.given, &self.remembered].map(|[_, left_out]| left_out);
        let names = given.iter().chain(remembered);
        let with_tables = names.flat_map(|name| {
            let tables = self.tables.iter();
            let of_tables = tables.map(move |table| format!("{table}.{name}"));
            of_tables.chain([name.clone()])
        });
        with_tables.collect()
    }

    /// What the report says of the names that earlier imports have given.
    pub(super) fn remark(&self, table: &DjangoUserTable) -> Option<String> {
        let unknown = &table.related().factors().unknown;
        let options = OPTIONS.iter().zip(&self.remembered);
        let options = options.flat_map(|(option, names)| {
            names.iter().map(move |name| {
                let lacks = match *option == "--factor" && unknown.contains(name) {
                    true => " (this source has no such table or column)",
                    false => "",
                };
                format!("{option} {}{lacks}", name.escape_debug())
            })
        });
        let options: Vec<String> = options.collect();
        (!options.is_empty()).then(|| {
            format!(
                "{}. If one was a mistake, pass the other option with the name",
                options.join(", ")
            )
        })
    }

    /// Remembers the names of this import's options, and forgets that an earlier one gave them to the other option.
    pub(super) fn remember(&self, target: &Database) -> Result<(), ImportError> {
        let texts = |names: &Names| {
            let options = OPTIONS.iter().zip(names);
            let texts = options.flat_map(|(option, names)| {
                names.iter().map(move |name| format!("{option} {name}"))
            });
            texts.collect::<Vec<String>>()
        };
        let [factors, no_factors] = &self.given;
        let given = texts(&self.given);
        let others = texts(&[no_factors.clone(), factors.clone()]);
        if given.is_empty() {
            return Ok(());
        }
        let new = self.tables.iter().flat_map(|source_table| {
            given.iter().map(move |option| KnownOption {
                source_table,
                option,
            })
        });
        let new: Vec<KnownOption<'_>> = new.collect();
        target.write_blocking(|conn| {
            let of_tables = django_import_options::source_table.eq_any(&self.tables);
            let replaced = django_import_options::table.filter(of_tables);
            // Both options may have been given for one name: `--no-factor` counts.
            let replaced =
                replaced.filter(django_import_options::option.eq_any(given.iter().chain(&others)));
            diesel::delete(replaced).execute(conn)?;
            insert_all!(conn, django_import_options::table, &new)?;
            Ok::<_, DbError>(())
        })?;
        Ok(())
    }
}

/// The name of a column of the user table without the table.
fn without_table<'a>(name: &'a str, tables: &BTreeSet<String>) -> &'a str {
    let mut plain = tables
        .iter()
        .filter_map(|table| name.strip_prefix(table.as_str())?.strip_prefix('.'));
    plain.next().unwrap_or(name)
}
