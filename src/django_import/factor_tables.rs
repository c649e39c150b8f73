//! Tables of second factors that do not refer to the user table themselves: their rows belong to a profile or a child
//! model, or the database declares no foreign keys, as one that was copied from MySQL's MyISAM.

use super::device_tables::{MFA2, is_in_use};
use super::error::ImportError;
use super::factor_names::holds_factors;
use super::user_table::UserTableName;
use crate::db::source::{
    Column, ForeignDatabase, ForeignKey, OutgoingKey, TableName, quote_identifier,
};

/// A table of second factors.
pub(super) struct FactorTable {
    pub(super) name: TableName,
    /// The condition that a user has one.
    pub(super) exists: String,
}

/// How a table refers to the users.
struct UserColumn {
    /// Its column, quoted.
    column: String,
    /// The quoted column of the user table.
    referenced: String,
}

/// A table with its columns and foreign keys.
struct OpenTable {
    quoted: String,
    columns: Vec<Column>,
    keys: Vec<OutgoingKey>,
}

/// The tables of second factors that are not told by a foreign key to the user table.
#[derive(Default)]
pub(super) struct FactorTables {
    pub(super) found: Vec<FactorTable>,
    /// The names of those with rows that refer to nothing, so that it is not known whose they are.
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
        for table in &tables {
            let plain = table.plain();
            if !holds_factors(plain) || [MFA2, users.plain].contains(&plain) || is_direct(table) {
                continue;
            }
            let factors = OpenTable::read(source, &table.quoted)?;
            let exists = match factors.undeclared_user_column(users) {
                Some(user) => Some(factors.users_of(source, users, &user)),
                None => factors.users_through(source, users, (direct, &tables))?,
            };
            match exists {
                Some(exists) => all.found.push(FactorTable {
                    name: table.clone(),
                    exists,
                }),
                None if factors.keys.is_empty() => {
                    let rows = source.count(&table.quoted).map_err(ImportError::Source)?;
                    all.ownerless.extend((rows > 0).then(|| plain.to_owned()));
                }
                None => {}
            }
        }
        Ok(all)
    }
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

impl OpenTable {
    fn read(source: &mut ForeignDatabase, quoted: &str) -> Result<Self, ImportError> {
        Ok(Self {
            quoted: quoted.to_owned(),
            columns: source.columns(quoted).map_err(ImportError::Source)?,
            keys: source
                .foreign_keys_of(quoted)
                .map_err(ImportError::Source)?,
        })
    }

    /// The columns that refer to nothing, as far as the database knows.
    fn undeclared(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| !self.keys.iter().any(|key| key.column == *name))
    }

    /// A column with the name of one that refers to the user table, in a table that has no such foreign key.
    fn undeclared_user_column(&self, users: &UserTableName<'_>) -> Option<UserColumn> {
        let model = users.plain.rsplit('_').next().unwrap_or(users.plain);
        let names = [format!("{model}_id"), "user_id".to_owned()];
        let mut names = names.iter();
        let name = names.find(|name| self.undeclared().any(|column| column == name.as_str()))?;
        Some(UserColumn {
            column: quote_identifier(name),
            referenced: users.referred_key().to_owned(),
        })
    }

    /// The condition that a user has a factor in this table, which names users in this column.
    fn users_of(
        &self,
        source: &ForeignDatabase,
        users: &UserTableName<'_>,
        user: &UserColumn,
    ) -> String {
        let theirs = source.as_text(&users.value_of(&user.referenced));
        let owner = source.as_text(&format!("r.{}", user.column));
        let in_use = is_in_use(source, &self.columns);
        let table = &self.quoted;
        format!("{theirs} IN (SELECT {owner} FROM {table} AS r WHERE {owner} IS NOT NULL{in_use})")
    }

    /// The condition that a user has a row in another table to which a factor in this table belongs.
    fn users_through(
        &self,
        source: &mut ForeignDatabase,
        users: &UserTableName<'_>,
        (direct, tables): (&[ForeignKey], &[TableName]),
    ) -> Result<Option<String>, ImportError> {
        for (column, between, referenced) in self.tables_between(source, tables)? {
            let between_keys = direct.iter().filter(|key| key.table == between.name);
            let table = OpenTable::read(source, &between.quoted)?;
            let mut declared = between_keys.map(|key| UserColumn {
                column: quote_identifier(&key.column),
                referenced: quote_identifier(&key.referenced),
            });
            let Some(user) = declared
                .next()
                .or_else(|| table.undeclared_user_column(users))
            else {
                continue;
            };
            let theirs = source.as_text(&users.value_of(&user.referenced));
            let owner = source.as_text(&format!("p.{}", user.column));
            let key = source.as_text(&format!("p.{referenced}"));
            let factor = source.as_text(&format!("r.{column}"));
            let in_use = is_in_use(source, &self.columns);
            let (factors, between) = (&self.quoted, &between.quoted);
            return Ok(Some(format!(
                "{theirs} IN (SELECT {owner} FROM {between} AS p WHERE {owner} IS NOT NULL AND {key} IN \
                 (SELECT {factor} FROM {factors} AS r WHERE {factor} IS NOT NULL{in_use}))"
            )));
        }
        Ok(None)
    }

    /// The tables to which a row of this one may belong: its quoted column, the table, and the quoted column there. A
    /// column `profile_id` without a foreign key refers to the table `profile`, or to one whose name ends so.
    fn tables_between<'a>(
        &self,
        source: &mut ForeignDatabase,
        tables: &'a [TableName],
    ) -> Result<Vec<(String, &'a TableName, String)>, ImportError> {
        let mut found = Vec::new();
        // The factors of such a table are counted already.
        let others = tables.iter().filter(|table| !holds_factors(table.plain()));
        for table in others {
            for key in self.keys.iter().filter(|key| key.target == table.name) {
                let column = quote_identifier(&key.column);
                found.push((column, table, quote_identifier(&key.referenced)));
            }
            let is_named = |column: &&str| {
                let name = column.strip_suffix("_id").filter(|name| !name.is_empty());
                name.is_some_and(|name| {
                    let rest = table.plain().strip_suffix(name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
                })
            };
            if let Some(column) = self.undeclared().find(is_named) {
                let columns = source.columns(&table.quoted).map_err(ImportError::Source)?;
                let mut keys = columns.iter().filter(|column| column.is_key);
                if let (Some(key), None) = (keys.next(), keys.next()) {
                    let key = quote_identifier(&key.name);
                    found.push((quote_identifier(column), table, key));
                }
            }
        }
        Ok(found)
    }
}
