//! Columns of other tables with one row for each account, such as profiles and child models, that may close accounts.
//! They are not read: the report names them.

use super::active::{is_secret, may_close_accounts};
use super::error::ImportError;
use super::factor_names::is_factor_column;
use super::values::ColumnValues;
use crate::db::source::{Column, ForeignDatabase, ForeignKey, quote_identifier};

/// A column of a table with one row for each account.
pub(super) struct ProfileColumn {
    name: String,
    quoted_table: String,
    column: String,
}

impl ProfileColumn {
    /// The suspicious columns of a table, which a foreign key names.
    pub(super) fn find(
        source: &ForeignDatabase,
        key: &ForeignKey,
        columns: &[Column],
    ) -> Vec<Self> {
        if !key.is_unique {
            return Vec::new();
        }
        let is_suspicious = |name: &str| may_close_accounts(name) && !is_factor_column(name);
        let names = columns.iter().map(|column| column.name.as_str());
        let names = names.filter(|name| *name != key.column && is_suspicious(name));
        let found = names.map(|name| Self {
            name: format!("{}.{name}", key.plain_table()),
            quoted_table: source.quoted(key),
            column: name.to_owned(),
        });
        found.collect()
    }

    /// A line of the report: the column, and the values that its rows have. `None` if no row has a value.
    pub(super) fn line(&self, source: &mut ForeignDatabase) -> Result<Option<String>, ImportError> {
        let text = source.as_text(&quote_identifier(&self.column));
        let set = format!("{} WHERE COALESCE({text}, '') <> ''", self.quoted_table);
        let set = source.count(&set).map_err(ImportError::Source)?;
        if set == 0 {
            return Ok(None);
        }
        let name = self.name.escape_debug();
        let values = ColumnValues::read(source, &self.quoted_table, &self.column)?;
        Ok(Some(match values {
            Some(values) if values.repeat() && !is_secret(&self.column) => {
                format!("{name}: {values}")
            }
            _ => format!("{name}: {set} with a value"),
        }))
    }
}
