//! Follows foreign keys from a table to the user table, to find out whose a row is.

use std::collections::BTreeSet;

use super::device_tables::is_in_use;
use super::error::ImportError;
use super::factor_table_names::FactorTableName;
use super::user_table::UserTableName;
use crate::db::source::{
    Column, ForeignDatabase, ForeignKey, OutgoingKey, TableName, quote_identifier,
};

/// How many tables may be between a table and the user table.
const MOST_BETWEEN: usize = 4;

/// How a table refers to the users.
pub(super) struct UserColumn {
    /// Its column, quoted.
    pub(super) column: String,
    /// The quoted column of the user table.
    pub(super) referenced: String,
}

/// A table with its columns and foreign keys.
pub(super) struct OpenTable<'a> {
    name: &'a TableName,
    pub(super) columns: Vec<Column>,
    /// The foreign keys to tables that exist.
    keys: Vec<OutgoingKey>,
}

/// A reference from one table to another one.
#[derive(Clone)]
struct Step<'a> {
    /// The quoted column of the first table.
    column: String,
    table: &'a TableName,
    /// The quoted column of the other table.
    referenced: String,
}

/// References that lead from a table to the users.
pub(super) struct OwnerPath<'a> {
    steps: Vec<Step<'a>>,
    user: UserColumn,
}

/// What the references of a table say of its rows' owners.
#[derive(Default)]
pub(super) struct Owners<'a> {
    pub(super) paths: Vec<OwnerPath<'a>>,
    /// Whether the rows belong to another table of users, or to rows of another table of second factors.
    pub(super) are_told: bool,
}

/// The references between the tables of a source.
pub(super) struct References<'a> {
    users: &'a UserTableName<'a>,
    /// The foreign keys to the user table.
    direct: &'a [ForeignKey],
    tables: &'a [TableName],
}

impl<'a> References<'a> {
    pub(super) fn new(
        users: &'a UserTableName<'a>,
        direct: &'a [ForeignKey],
        tables: &'a [TableName],
    ) -> Self {
        Self {
            users,
            direct,
            tables,
        }
    }

    /// Reads the columns and foreign keys of a table. A foreign key to a table that is missing says nothing.
    pub(super) fn read(
        &self,
        source: &mut ForeignDatabase,
        name: &'a TableName,
    ) -> Result<OpenTable<'a>, ImportError> {
        let columns = source.columns(&name.quoted).map_err(ImportError::Source)?;
        let keys = source.foreign_keys_of(&name.quoted);
        let mut keys = keys.map_err(ImportError::Source)?;
        keys.retain(|key| self.tables.iter().any(|table| table.name == key.target));
        Ok(OpenTable {
            name,
            columns,
            keys,
        })
    }

    /// A column with the name of one that refers to the user table, in a table that has no such foreign key.
    pub(super) fn undeclared_user_column(&self, table: &OpenTable<'_>) -> Option<UserColumn> {
        let users = self.users;
        let model = users.plain.rsplit('_').next().unwrap_or(users.plain);
        let names = [format!("{model}_id"), "user_id".to_owned()];
        let mut names = names.iter();
        let name = names.find(|name| table.undeclared().any(|column| column == name.as_str()))?;
        Some(UserColumn {
            column: quote_identifier(name),
            referenced: users.referred_key().to_owned(),
        })
    }

    /// Follows the references of a table: of each of its columns the shortest ways to the users.
    pub(super) fn owners(
        &self,
        source: &mut ForeignDatabase,
        from: &OpenTable<'_>,
    ) -> Result<Owners<'a>, ImportError> {
        let mut owners = Owners::default();
        for first in self.steps_from(source, from)? {
            let mut seen = BTreeSet::from([from.name.name.clone(), first.table.name.clone()]);
            let mut level = vec![vec![first]];
            let mut length = 0;
            while length < MOST_BETWEEN && !level.is_empty() {
                let known = owners.paths.len();
                level = self.follow(source, level, &mut seen, &mut owners)?;
                if owners.paths.len() > known {
                    break;
                }
                length += 1;
            }
        }
        Ok(owners)
    }

    /// Adds those of the ways that have reached the users, and returns the others with one more step.
    fn follow(
        &self,
        source: &mut ForeignDatabase,
        level: Vec<Vec<Step<'a>>>,
        seen: &mut BTreeSet<String>,
        owners: &mut Owners<'a>,
    ) -> Result<Vec<Vec<Step<'a>>>, ImportError> {
        let mut next = Vec::new();
        for steps in level {
            let Some(last) = steps.last() else { continue };
            let plain = last.table.plain();
            // Its factors are counted already.
            if FactorTableName::of(plain, self.users.plain) == Some(FactorTableName::Factors) {
                owners.are_told = true;
                continue;
            }
            let table = self.read(source, last.table)?;
            let columns = self.user_columns(&table);
            if columns.is_empty() && table.columns.iter().any(|column| column.name == "password") {
                owners.are_told = true;
            } else if columns.is_empty() {
                for step in self.steps_from(source, &table)? {
                    if seen.insert(step.table.name.clone()) {
                        let mut steps = steps.clone();
                        steps.push(step);
                        next.push(steps);
                    }
                }
            }
            owners
                .paths
                .extend(columns.into_iter().map(|user| OwnerPath {
                    steps: steps.clone(),
                    user,
                }));
        }
        Ok(next)
    }

    /// The columns of a table that refer to the users.
    fn user_columns(&self, table: &OpenTable<'_>) -> Vec<UserColumn> {
        let direct = self.direct.iter();
        let direct = direct.filter(|key| key.table == table.name.name);
        let declared = direct.map(|key| UserColumn {
            column: quote_identifier(&key.column),
            referenced: quote_identifier(&key.referenced),
        });
        let mut columns: Vec<UserColumn> = declared.collect();
        if columns.is_empty() {
            columns.extend(self.undeclared_user_column(table));
        }
        columns
    }

    /// The tables to which a row may belong. A column `profile_id` without a foreign key refers to the table `profile`,
    /// or to one whose name ends so.
    fn steps_from(
        &self,
        source: &mut ForeignDatabase,
        from: &OpenTable<'_>,
    ) -> Result<Vec<Step<'a>>, ImportError> {
        let mut steps = Vec::new();
        for table in self.tables {
            for key in from.keys.iter().filter(|key| key.target == table.name) {
                steps.push(Step {
                    column: quote_identifier(&key.column),
                    table,
                    referenced: quote_identifier(&key.referenced),
                });
            }
            let is_named = |column: &&str| {
                let name = column.strip_suffix("_id").filter(|name| !name.is_empty());
                name.is_some_and(|name| {
                    let rest = table.plain().strip_suffix(name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
                })
            };
            if let Some(column) = from.undeclared().find(is_named) {
                let columns = source.columns(&table.quoted).map_err(ImportError::Source)?;
                let mut keys = columns.iter().filter(|column| column.is_key);
                if let (Some(key), None) = (keys.next(), keys.next()) {
                    steps.push(Step {
                        column: quote_identifier(column),
                        table,
                        referenced: quote_identifier(&key.name),
                    });
                }
            }
        }
        Ok(steps)
    }
}

impl OpenTable<'_> {
    /// The columns that refer to nothing, as far as the database knows.
    fn undeclared(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| !self.keys.iter().any(|key| key.column == *name))
    }
}

impl OwnerPath<'_> {
    /// The condition that a user has a factor in a table with these columns, from which the way leads.
    pub(super) fn condition(
        &self,
        source: &ForeignDatabase,
        users: &UserTableName<'_>,
        (factors, columns): (&TableName, &[Column]),
    ) -> String {
        let mut from = (&factors.quoted, is_in_use(source, columns));
        let mut inside: Option<(String, String)> = None;
        let leaving = self.steps.iter().map(|step| &step.column);
        let entering = self.steps.iter().map(Some).chain([None]);
        for (column, step) in leaving.chain([&self.user.column]).zip(entering) {
            let (table, condition) = &from;
            let value = source.as_text(&format!("r.{column}"));
            let reached = inside.take().map(|(referenced, keys)| {
                let key = source.as_text(&format!("r.{referenced}"));
                format!(" AND {key} IN ({keys})")
            });
            let keys = format!(
                "SELECT {value} FROM {table} AS r WHERE {value} IS NOT NULL{condition}{}",
                reached.unwrap_or_default()
            );
            match step {
                Some(step) => {
                    inside = Some((step.referenced.clone(), keys));
                    from = (&step.table.quoted, String::new());
                }
                None => inside = Some((String::new(), keys)),
            }
        }
        let theirs = source.as_text(&users.value_of(&self.user.referenced));
        let (_, keys) = inside.unwrap_or_default();
        format!("{theirs} IN ({keys})")
    }
}
