//! Tables of second factors that do not refer to the user table themselves: their rows belong to a profile or a child
//! model, or the database declares no foreign keys, as one that was copied from MySQL's MyISAM.

use super::device_tables::{MFA2, is_in_use};
use super::error::ImportError;
use super::factor_table_names::FactorTableName;
use super::references::{References, UserColumn};
use super::user_table::UserTableName;
use crate::db::source::{Column, ForeignDatabase, ForeignKey, TableName};

/// A table of second factors.
pub(super) struct FactorTable {
    pub(super) name: TableName,
    /// The condition that a user has one.
    pub(super) exists: String,
}

/// The tables of second factors that are not told by a foreign key to the user table.
#[derive(Default)]
pub(super) struct FactorTables {
    pub(super) found: Vec<FactorTable>,
    /// Those of which only the name of the application is one of factors.
    pub(super) beside: Vec<TableName>,
    /// The names of those with rows of which it is not known whose they are.
    pub(super) ownerless: Vec<String>,
}

impl FactorTables {
    /// Finds the tables. `direct`: the foreign keys to the user table, whose tables are found without this.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        direct: &[ForeignKey],
    ) -> Result<Self, ImportError> {
        let tables = source.tables().map_err(ImportError::Source)?;
        let is_direct = |table: &TableName| direct.iter().any(|key| key.table == table.name);
        let mut all = Self::default();
        all.found.extend(mfa2(source, users)?);
        let references = References::new(users, direct, &tables);
        for table in &tables {
            let plain = table.plain();
            let Some(name) = FactorTableName::of(plain, users.plain) else {
                continue;
            };
            if [MFA2, users.plain].contains(&plain) || is_direct(table) {
                continue;
            }
            let factors = references.read(source, table)?;
            let holds_factors = name.holds_factors(&factors.columns);
            let owners = references.owners(source, &factors)?;
            let conditions = match references.undeclared_user_column(&factors) {
                Some(user) => vec![users_of(source, users, (table, &user), &factors.columns)],
                None => {
                    let paths = owners.paths.iter();
                    let of = (table, factors.columns.as_slice());
                    paths
                        .map(|path| path.condition(source, users, of))
                        .collect()
                }
            };
            if conditions.is_empty() {
                if holds_factors && !owners.are_told {
                    let rows = source.count(&table.quoted).map_err(ImportError::Source)?;
                    all.ownerless.extend((rows > 0).then(|| plain.to_owned()));
                }
            } else if holds_factors {
                all.found.push(FactorTable {
                    name: table.clone(),
                    exists: format!("({})", conditions.join(" OR ")),
                });
            } else {
                all.beside.push(table.clone());
            }
        }
        Ok(all)
    }
}

/// The condition that a user has a factor in a table, which names users in this column.
fn users_of(
    source: &ForeignDatabase,
    users: &UserTableName<'_>,
    (table, user): (&TableName, &UserColumn),
    columns: &[Column],
) -> String {
    let theirs = source.as_text(&users.value_of(&user.referenced));
    let owner = source.as_text(&format!("r.{}", user.column));
    let in_use = is_in_use(source, columns);
    let table = &table.quoted;
    format!("{theirs} IN (SELECT {owner} FROM {table} AS r WHERE {owner} IS NOT NULL{in_use})")
}

/// The table of django-mfa2, which names users by their usernames.
fn mfa2(
    source: &mut ForeignDatabase,
    users: &UserTableName<'_>,
) -> Result<Option<FactorTable>, ImportError> {
    let Some(table) = &users.mfa2 else {
        return Ok(None);
    };
    let columns = source.columns(table).map_err(ImportError::Source)?;
    if users.login_names.is_empty() || !columns.iter().any(|column| column.name == "username") {
        return Ok(None);
    }
    let names = users.login_names.iter();
    let names = names.map(|column| source.as_text(&format!("{}.{column}", users.quoted)));
    let names = names.collect::<Vec<_>>().join(", ");
    let name = source.as_text("r.username");
    let in_use = is_in_use(source, &columns);
    Ok(Some(FactorTable {
        name: TableName {
            name: MFA2.to_owned(),
            quoted: table.clone(),
        },
        exists: format!("EXISTS (SELECT 1 FROM {table} AS r WHERE {name} IN ({names}){in_use})"),
    }))
}
