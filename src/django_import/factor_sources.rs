//! Where a source shows the second factors of its accounts: tables that refer to its user table, columns of one-to-one
//! tables and of the user table itself.

use std::collections::{BTreeMap, BTreeSet};

use super::column_content::ColumnContent;
use super::device_tables::{column_is_in_use, is_in_use};
use super::error::ImportError;
use super::factor_columns::FactorColumns;
use super::factor_names::{FactorColumn, is_called_secret, is_factor_column};
use super::factor_tables::{FactorTable, FactorTables};
use super::options::ImportOptions;
use super::second_factor::AppTable;
use super::user_table::UserTableName;
use crate::clock::Timestamp;
use crate::db::source::{Column, ForeignDatabase, ForeignKey, TableName, quote_identifier};

/// A table that refers to the user table.
pub(super) struct ReferringTable<'a> {
    pub(super) key: &'a ForeignKey,
    pub(super) columns: &'a [Column],
    /// The rows `r` of an account: the table and the condition.
    pub(super) rows: &'a str,
}

impl ReferringTable<'_> {
    fn has(&self, names: &[&str]) -> bool {
        let known = |name: &&str| self.columns.iter().any(|column| column.name == **name);
        names.iter().all(known)
    }
}

/// The second factors that accounts have in Django.
#[derive(Default)]
pub(super) struct FactorSources {
    /// Expressions that select the rows of an account in the tables of authenticator apps.
    pub(super) authenticators: Option<String>,
    pub(super) totp_devices: Option<String>,
    /// The tables of authenticator apps, and the condition that an account has one.
    apps: Vec<(String, String)>,
    /// The tables and columns of other factors, and the condition that an account has one.
    others: Vec<(String, String)>,
    /// The tables of factors of which it is not known whose they are.
    pub(super) ownerless: Vec<String>,
    /// Lines of the report about tables, and columns of other tables, that may have to do with factors.
    pub(super) beside: Vec<String>,
    /// The names of `--factor` that are neither those of columns nor of tables that refer to the user table.
    pub(super) unknown: Vec<String>,
    /// The names of `--no-factor` that are none of factors.
    pub(super) unknown_left_out: Vec<String>,
}

impl FactorSources {
    /// Adds a table with authenticator apps that can be imported; `false` if it is none.
    pub(super) fn add_apps(
        &mut self,
        source: &ForeignDatabase,
        table: &ReferringTable<'_>,
    ) -> bool {
        let (name, rows) = (table.key.plain_table(), table.rows);
        let devices = [
            "id",
            "confirmed",
            "key",
            "step",
            "t0",
            "digits",
            "drift",
            "last_t",
        ];
        if name == AppTable::Authenticators.name() && table.has(&["type", "data"]) {
            self.apps.push(in_table(name, rows));
            self.authenticators = Some(source.rows_as_json(&["r.type", "r.data"], rows));
        } else if name == AppTable::TotpDevices.name() && table.has(&devices) {
            let confirmed = is_in_use(source, table.columns);
            self.apps
                .push(in_table(name, &format!("{rows}{confirmed}")));
            let columns = devices.map(|column| format!("r.{column}"));
            let columns = columns.each_ref().map(String::as_str);
            self.totp_devices = Some(source.rows_as_json(&columns, rows));
        } else {
            return false;
        }
        true
    }

    /// Adds a table of other factors.
    pub(super) fn add_table(&mut self, source: &ForeignDatabase, table: &ReferringTable<'_>) {
        let in_use = is_in_use(source, table.columns);
        let rows = format!("{}{in_use}", table.rows);
        self.others.push(in_table(table.key.plain_table(), &rows));
    }

    /// Names a table that only has the name of an application in common with factors.
    pub(super) fn name_beside(
        &mut self,
        source: &mut ForeignDatabase,
        (name, quoted): (&str, &str),
    ) -> Result<(), ImportError> {
        let rows = source.count(quoted).map_err(ImportError::Source)?;
        let line = format!("the table {}: {rows} rows", name.escape_debug());
        self.beside.extend((rows > 0).then_some(line));
        Ok(())
    }

    /// Adds the columns of second factors of another table. Of one with several rows for an account those that are
    /// called secrets, since a code may be one of an order; of a profile also those that are told by their values.
    pub(super) fn add_columns(
        &mut self,
        source: &mut ForeignDatabase,
        table: &ReferringTable<'_>,
        (options, now): (&ImportOptions, Timestamp),
    ) -> Result<(), ImportError> {
        let name = table.key.plain_table();
        let names = table.columns.iter().map(|column| column.name.as_str());
        let counted: Vec<String> = if table.key.is_unique {
            let quoted = source.quoted(table.key);
            let mut contents = BTreeMap::new();
            for column in names.filter(|column| *column != table.key.column) {
                let is_wanted = |key: &str| FactorColumn::of(key).is_some();
                let content = ColumnContent::read(source, (&quoted, column), is_wanted, now)?;
                contents.insert(column.to_owned(), content);
            }
            let own = options
                .factors
                .iter()
                .filter_map(|given| given.strip_prefix(name)?.strip_prefix('.'));
            let own: Vec<String> = own.map(str::to_owned).collect();
            let found = FactorColumns::find(&contents, &own);
            let others = found.others.iter();
            let others = others.map(|(column, line)| format!("{}: {line}", of_table(name, column)));
            self.beside.extend(others);
            found.counted
        } else {
            let is_factor = |column: &&str| is_factor_column(column) && is_called_secret(column);
            names.filter(is_factor).map(str::to_owned).collect()
        };
        for column in counted {
            let in_use = column_is_in_use(source, &format!("r.{}", quote_identifier(&column)));
            let rows = format!("{} AND {in_use}", table.rows);
            self.others
                .push(in_table(&format!("{name}.{column}"), &rows));
        }
        Ok(())
    }

    /// Adds the tables that do not refer to the user table themselves, and returns their names. `direct`: the foreign
    /// keys to the user table.
    pub(super) fn add_indirect_tables(
        &mut self,
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        direct: &[ForeignKey],
    ) -> Result<Vec<TableName>, ImportError> {
        let tables = FactorTables::find(source, users, direct)?;
        let mut names = Vec::new();
        for FactorTable { name, exists } in tables.found {
            self.others.push((name.plain().to_owned(), exists));
            names.push(name);
        }
        for table in tables.beside {
            self.name_beside(source, (table.plain(), &table.quoted))?;
        }
        self.ownerless = tables.ownerless;
        Ok(names)
    }

    /// Adds the columns of the user table, for a view also of the table that it is built on.
    pub(super) fn add_own_columns(
        &mut self,
        source: &ForeignDatabase,
        users: &UserTableName<'_>,
        options: &ImportOptions,
    ) {
        let own = users.factor_columns.iter();
        let own = own.map(|column| (column.clone(), format!("{}.{column}", users.quoted)));
        let mut columns: BTreeMap<String, String> = own.collect();
        let base = users.base.map(|base| {
            let found = FactorColumns::find(&base.contents, &options.factors);
            found
                .counted
                .into_iter()
                .map(|name| quote_identifier(&name))
        });
        columns.extend(base.into_iter().flatten().map(|column| {
            let value = users.value_of(&column);
            (column, value)
        }));
        for (column, value) in columns {
            let exists = column_is_in_use(source, &value);
            let name = format!("{}.{}", users.plain, column.trim_matches('"'));
            self.others.push((name, exists));
        }
    }

    /// Leaves out the tables and columns that the operator has named as none of second factors, and notes the names of
    /// options that the source lacks.
    pub(super) fn apply_options(
        &mut self,
        users: &UserTableName<'_>,
        keys: &[ForeignKey],
        options: &ImportOptions,
    ) {
        let is_known = |name: &String| {
            let of_base = users
                .base
                .is_some_and(|base| base.contents.contains_key(name));
            of_base
                || users.factor_columns.contains(&quote_identifier(name))
                || keys.iter().any(|key| key.plain_table() == name)
                || self.others.iter().any(|(known, _)| known == name)
        };
        let unknown = options.factors.iter().filter(|name| !is_known(name));
        self.unknown = unknown.cloned().collect();
        for name in &options.no_factors {
            let column = of_table(users.plain, name);
            let before = self.others.len();
            self.others
                .retain(|(known, _)| known != name && *known != column);
            if self.others.len() == before {
                self.unknown_left_out.push(name.clone());
            }
        }
    }

    /// The names of the tables and columns of factors besides authenticator apps.
    pub(super) fn names_of_others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|(name, _)| name.as_str())
    }

    /// An expression for the names of the tables and columns in which an account has factors besides authenticator apps,
    /// one a line.
    pub(super) fn others_of_account(&self) -> Option<String> {
        let named = self.others.iter().map(|(name, exists)| {
            let name = name.replace('\'', "''");
            format!("CASE WHEN {exists} THEN '{name}\n' ELSE '' END")
        });
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| format!("({})", named.join(" || ")))
    }

    /// The tables and columns of second factors that are read.
    pub(super) fn tables(&self) -> BTreeSet<String> {
        let is_read = |table: &AppTable| match table {
            AppTable::Authenticators => self.authenticators.is_some(),
            AppTable::TotpDevices => self.totp_devices.is_some(),
        };
        let apps = AppTable::ALL.into_iter().filter(is_read);
        let others = self.names_of_others().map(str::to_owned);
        apps.map(|table| table.name().to_owned())
            .chain(others)
            .collect()
    }

    /// The number of accounts that have a second factor, by table or column.
    pub(super) fn count(
        &self,
        source: &mut ForeignDatabase,
        users: &str,
    ) -> Result<BTreeMap<String, u64>, ImportError> {
        let mut counts = BTreeMap::new();
        for (name, exists) in self.apps.iter().chain(&self.others) {
            let accounts = format!("{users} WHERE {exists}");
            let count = source.count(&accounts).map_err(ImportError::Source)?;
            if count > 0 {
                counts.insert(name.clone(), count);
            }
        }
        Ok(counts)
    }
}

/// A table, and the condition that an account has one of these rows.
fn in_table(name: &str, rows: &str) -> (String, String) {
    (name.to_owned(), format!("EXISTS (SELECT 1 FROM {rows})"))
}

/// The name of a column with its table.
fn of_table(table: &str, column: &str) -> String {
    format!("{table}.{column}")
}
