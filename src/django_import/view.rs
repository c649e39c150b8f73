//! The table that a view is built on. Foreign keys refer to the table, so that what accounts have in other tables, such
//! as second factors, is found through it.

use std::collections::BTreeMap;

use super::column_content::ColumnContent;
use super::columns::{DjangoColumns, FIELDS};
use super::error::ImportError;
use super::options::ImportOptions;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};

/// The table that `--view-of` names.
pub(super) struct BaseTable {
    /// Its quoted name.
    pub(super) quoted: String,
    /// Its quoted key column.
    pub(super) key: String,
    /// What its columns hold besides the key.
    pub(super) contents: BTreeMap<String, ColumnContent>,
}

impl BaseTable {
    /// Finds the table, and checks that each row of the view has the key and the password of one of its rows. `view`:
    /// the quoted view and its key column.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        view: (&str, &str),
        columns: &DjangoColumns,
        options: &ImportOptions,
        now: Timestamp,
    ) -> Result<Option<Self>, ImportError> {
        let Some(name) = &options.view_of else {
            return Ok(None);
        };
        let impossible = |problem: &str| ImportError::Impossible(format!("--view-of: {problem}"));
        if !source.is_view(view.0).map_err(ImportError::Source)? {
            let table = options.table.escape_debug();
            return Err(impossible(&format!(
                "{table} is no view: leave the option out"
            )));
        }
        let found = source.table(name).map_err(ImportError::Source)?;
        let shown = name.escape_debug();
        let Some(quoted) = found else {
            return Err(impossible(&format!("there is no table {shown}")));
        };
        let known = source.columns(&quoted).map_err(ImportError::Source)?;
        let mut keys = known.iter().filter(|column| column.is_key);
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(impossible(&format!(
                "{shown} has no primary key of one column"
            )));
        };
        let mut contents = BTreeMap::new();
        for column in known.iter().filter(|column| !column.is_key) {
            let content = ColumnContent::read(source, (&quoted, &column.name), |_| false, now)?;
            contents.insert(column.name.clone(), content);
        }
        let base = Self {
            quoted,
            key: quote_identifier(&key.name),
            contents,
        };
        match base.missing_rows(source, view, columns)? {
            0 => Ok(Some(base)),
            rows => Err(impossible(&format!(
                "{rows} rows of {} have a key or a password that no row of {shown} has: it is built on another table",
                options.table.escape_debug()
            ))),
        }
    }

    /// What those of its columns hold that the view lacks, and that are none of Django's besides `is_active`.
    pub(super) fn besides(&self, columns: &DjangoColumns) -> BTreeMap<String, ColumnContent> {
        let is_known =
            |name: &str| FIELDS.contains(&name) || columns.names().any(|known| known == name);
        let besides = self.contents.iter().filter(|(name, _)| !is_known(name));
        besides
            .map(|(name, content)| (name.clone(), content.clone()))
            .collect()
    }

    /// The number of the view's rows that are none of this table.
    fn missing_rows(
        &self,
        source: &mut ForeignDatabase,
        (view, view_key): (&str, &str),
        columns: &DjangoColumns,
    ) -> Result<u64, ImportError> {
        let password = columns.field_name("password").unwrap_or_default();
        let own = ["password", password]
            .into_iter()
            .find(|name| self.contents.contains_key(*name));
        let own = own
            .map(quote_identifier)
            .unwrap_or_else(|| self.key.clone());
        let text = |column: &str| format!("COALESCE({}, '')", source.as_text(column));
        let is_same = match columns.field("password") {
            Some(password) if own != self.key => {
                let password = text(&format!("{view}.{password}"));
                format!("{} = {password}", text(&format!("b.{own}")))
            }
            _ => "1 = 1".to_owned(),
        };
        let missing = format!(
            "{view} WHERE NOT EXISTS (SELECT 1 FROM {} AS b WHERE b.{} = {view}.{view_key} AND {is_same})",
            self.quoted, self.key
        );
        source.count(&missing).map_err(ImportError::Source)
    }
}
