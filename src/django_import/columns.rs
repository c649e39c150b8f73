//! The columns of Django's user table, and their names.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::options::ImportOptions;
use crate::db::source::{Column, quote_identifier};

/// The fields of a user that are imported, by Django's names, besides the key and `is_active`.
pub(super) const FIELDS: [&str; 9] = [
    "email",
    "username",
    "password",
    "first_name",
    "last_name",
    "is_staff",
    "is_superuser",
    "date_joined",
    "last_login",
];

/// The columns of the user table, and the names that the project gave to them.
pub(super) struct DjangoColumns {
    table: String,
    columns: Vec<Column>,
    renamed: BTreeMap<String, String>,
}

impl DjangoColumns {
    /// Checks that the columns exist which the options name.
    pub(super) fn new(options: &ImportOptions, columns: Vec<Column>) -> Result<Self, ImportError> {
        let columns = Self {
            table: options.table.clone(),
            columns,
            renamed: options.columns.clone(),
        };
        columns.check_renamed()?;
        Ok(columns)
    }

    /// The quoted column of a field of Django's; `None` if the table has none.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        self.field_name(name).map(quote_identifier)
    }

    /// The column of a field of Django's; `None` if the table has none.
    pub(super) fn field_name(&self, name: &str) -> Option<&str> {
        let column = self.renamed.get(name).map_or(name, String::as_str);
        self.names().find(|known| *known == column)
    }

    /// The quoted column with this name, which an option gives.
    pub(super) fn named(&self, option: &str, name: &str) -> Result<String, ImportError> {
        if self.names().any(|known| known == name) {
            return Ok(quote_identifier(name));
        }
        let names: Vec<_> = self.names().collect();
        Err(ImportError::Impossible(format!(
            "{option}: the table {} has no column {name}; it has {}",
            self.table,
            names.join(", ")
        )))
    }

    /// The columns' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The names of the columns that are no fields of Django's.
    pub(super) fn unread_names(&self) -> impl Iterator<Item = &str> {
        let key = self.key().ok().map(|key| key.name.clone());
        let is_field = move |name: &str| {
            let mut fields = FIELDS.iter().chain(&["id", "is_active"]);
            key.as_deref() == Some(name)
                || fields
                    .any(|field| self.renamed.get(*field).map_or(*field, String::as_str) == name)
        };
        self.names().filter(move |name| !is_field(name))
    }

    fn check_renamed(&self) -> Result<(), ImportError> {
        for (field, column) in &self.renamed {
            if !FIELDS.contains(&field.as_str()) && !["id", "is_active"].contains(&field.as_str()) {
                return Err(ImportError::Impossible(format!(
                    "--column: there is no field {field}; the fields are id, is_active, {}",
                    FIELDS.join(", ")
                )));
            }
            self.named("--column", column)?;
        }
        Ok(())
    }

    /// The key column.
    pub(super) fn key(&self) -> Result<&Column, ImportError> {
        let name = self.renamed.get("id").map_or("id", String::as_str);
        let named = || self.columns.iter().find(|column| column.name == name);
        if self.renamed.contains_key("id") {
            return named().ok_or_else(|| self.no_key());
        }
        let mut keys = self.columns.iter().filter(|column| column.is_key);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Some(key),
            // A view has no primary key.
            (None, _) => named(),
            (Some(_), Some(_)) => None,
        }
        .ok_or_else(|| self.no_key())
    }

    fn no_key(&self) -> ImportError {
        ImportError::Impossible(format!(
            "--table: {} has neither a primary key of one column nor a column id; name it with \
             --column id=COLUMN",
            self.table
        ))
    }
}
