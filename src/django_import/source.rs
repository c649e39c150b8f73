//! Finds Django's user table and its columns.

use super::error::ImportError;
use crate::db::source::{Column, ForeignDatabase, quote_identifier};

/// Django's user table, with its columns.
pub(super) struct DjangoUserTable {
    name: String,
    key: String,
    columns: Vec<Column>,
    workos_user_id: Option<String>,
}

impl DjangoUserTable {
    /// Finds the table, or returns an error that says what is missing.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        name: &str,
        workos_id_column: Option<&str>,
    ) -> Result<Self, ImportError> {
        let Some(quoted_name) = source.table(name).map_err(ImportError::Source)? else {
            return Err(no_such_table(source, name));
        };
        let columns = source.columns(&quoted_name).map_err(ImportError::Source)?;
        let mut table = Self {
            name: quoted_name,
            key: String::new(),
            columns,
            workos_user_id: None,
        };
        table.key = table.find_key(name)?;
        for wanted in ["password", "email"] {
            if table.column(wanted).is_none() {
                return Err(missing_column(source, name, wanted));
            }
        }
        if let Some(wanted) = workos_id_column {
            let Some(column) = table.column(wanted) else {
                return Err(ImportError::Impossible(format!(
                    "--workos-id-column: the table {name} has no column {wanted}; it has {}",
                    table.column_names()
                )));
            };
            table.workos_user_id = Some(column);
        }
        Ok(table)
    }

    /// The table's quoted name, with its schema.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The quoted name of the key column.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The name of another table in the same schema.
    pub(super) fn in_same_schema(&self, name: &str) -> String {
        match self.name.rsplit_once("\".\"") {
            Some((schema, _)) => format!("{}.{name}", schema.trim_start_matches('"')),
            None => name.to_owned(),
        }
    }

    /// The statement that reads all rows in key order. If two rows conflict, the one with the lower
    /// key is imported.
    pub(super) fn query(&self, source: &ForeignDatabase) -> String {
        let named = |column: Option<&str>, name: &str| source.as_bytes(column, name);
        let mut cells = vec![
            named(Some(&self.key), "c_key"),
            named(self.workos_user_id.as_deref(), "c_workos_user_id"),
        ];
        for name in [
            "email",
            "password",
            "first_name",
            "last_name",
            "is_active",
            "is_staff",
            "is_superuser",
            "date_joined",
            "last_login",
        ] {
            let column = self.column(name);
            cells.push(named(column.as_deref(), &format!("c_{name}")));
        }
        let (cells, name, key) = (cells.join(", "), &self.name, &self.key);
        format!("SELECT {cells} FROM {name} ORDER BY {key}")
    }

    fn find_key(&self, name: &str) -> Result<String, ImportError> {
        let mut keys = self.columns.iter().filter(|column| column.is_key);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Some(quote_identifier(&key.name)),
            // A view has no primary key.
            (None, _) => self.column("id"),
            (Some(_), Some(_)) => None,
        }
        .ok_or_else(|| {
            ImportError::Impossible(format!(
                "--table: {name} has neither a primary key of one column nor a column id"
            ))
        })
    }

    fn column(&self, name: &str) -> Option<String> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.map(|column| quote_identifier(&column.name))
    }

    fn column_names(&self) -> String {
        let names: Vec<_> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        names.join(", ")
    }
}

fn no_such_table(source: &mut ForeignDatabase, name: &str) -> ImportError {
    let hint = hint(source);
    ImportError::Impossible(format!("--table: there is no table {name:?}; {hint}"))
}

fn missing_column(source: &mut ForeignDatabase, name: &str, column: &str) -> ImportError {
    let hint = hint(source);
    ImportError::Impossible(format!("--table: {name:?} has no column {column}; {hint}"))
}

fn hint(source: &mut ForeignDatabase) -> String {
    match source.tables_with("password", "email") {
        Ok(names) if !names.is_empty() => {
            format!("tables with a password and an email: {}", names.join(", "))
        }
        _ => "no table there has both a password and an email: is it Django's database?".to_owned(),
    }
}
