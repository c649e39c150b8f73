//! Finds Django's user table and its columns.

use std::collections::BTreeMap;

use super::active::{ActiveColumns, has_flag_option, may_close_accounts};
use super::closing_tables::closing_tables;
use super::column_content::ColumnContent;
use super::columns::{DjangoColumns, FIELDS};
use super::device_tables::MFA2;
use super::error::ImportError;
use super::factor_columns::FactorColumns;
use super::factor_names::FactorColumn;
use super::factor_source::factor_remark;
use super::key::KeyColumn;
use super::options::ImportOptions;
use super::related::RelatedTables;
use super::source_notes::SourceNotes;
use super::user_table::UserTableName;
use super::view::BaseTable;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};

/// Which rows of the user table a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UserRows {
    /// Those of accounts that are open.
    Open,
    /// Those of accounts that are closed, or of which that cannot be read.
    Closed,
}

/// Django's user table, with its columns.
pub(super) struct DjangoUserTable {
    name: String,
    key: String,
    key_column: KeyColumn,
    columns: DjangoColumns,
    active: ActiveColumns,
    related: RelatedTables,
    factor_remark: Option<String>,
    notes: SourceNotes,
    workos_user_id: Option<String>,
}

impl DjangoUserTable {
    /// Finds the table, or returns an error that says what is missing.
    pub(super) fn find(
        source: &mut ForeignDatabase,
        options: &ImportOptions,
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let name = options.table.as_str();
        let Some(quoted_name) = source.table(name).map_err(ImportError::Source)? else {
            return Err(no_such_table(source, name));
        };
        let columns = source.columns(&quoted_name).map_err(ImportError::Source)?;
        let columns = DjangoColumns::new(options, columns)?;
        let key = columns.key()?;
        let (key, key_column) = (quote_identifier(&key.name), KeyColumn::of(key));
        for wanted in ["password", options.login_field.name()] {
            if columns.field(wanted).is_none() {
                let has_names = columns.field("username").is_some();
                let names: Vec<&str> = columns.names().collect();
                let there = names.join(", ");
                return Err(missing_column(source, name, (wanted, &there), has_names));
            }
        }
        let workos_user_id = match &options.workos_id_column {
            Some(wanted) => Some(columns.named("--workos-id-column", wanted)?),
            None => None,
        };
        let mut contents = BTreeMap::new();
        for name in columns.unread_names() {
            let content = ColumnContent::read(source, (&quoted_name, name), is_of_interest, now)?;
            contents.insert(name.to_owned(), content);
        }
        let base = BaseTable::find(source, (&quoted_name, &key), &columns, options, now)?;
        let lacking = base.as_ref().map(|base| base.besides(&columns));
        let lacking = lacking.unwrap_or_default();
        let active = ActiveColumns::find(&columns, (&contents, &lacking), options, now)?;
        let mut factors = FactorColumns::find(&contents, &options.factors);
        for name in columns.names().filter(|name| active.names(name)) {
            factors.leave_out(name);
        }
        let mut notes = active.notes(&contents, |name| factors.contains(name));
        if let Some(base) = &base {
            let factors = FactorColumns::find(&lacking, &options.factors);
            let lines = active.notes(&lacking, |name| factors.contains(name));
            let table = plain_name(&base.quoted).escape_debug();
            let lines = lines.unread_columns.iter();
            let lines = lines.map(|line| format!("{table}.{line}"));
            notes.unread_columns.extend(lines);
        }
        let mut beside = |name: &str| {
            let found = source.table(&in_same_schema(&quoted_name, name));
            found.map_err(ImportError::Source)
        };
        let user_table = UserTableName {
            quoted: &quoted_name,
            plain: plain_name(base.as_ref().map_or(&quoted_name, |base| &base.quoted)),
            key: &key,
            groups: beside("auth_group")?,
            mfa2: beside(MFA2)?,
            login_names: ["username", "email"]
                .iter()
                .filter_map(|name| columns.field(name))
                .collect(),
            factor_columns: factors
                .counted
                .iter()
                .map(|name| quote_identifier(name))
                .collect(),
            base: base.as_ref(),
        };
        let related = RelatedTables::find(source, &user_table, (options, now))?;
        notes.factors = related.factors().count(source, &quoted_name)?;
        notes.profile_columns = related.profile_lines(source)?;
        notes.ownerless_factors = related.factors().ownerless.clone();
        notes.closing_tables = closing_tables(source, &user_table)?;
        let others = factors.others.iter();
        notes.beside_factors = others
            .map(|(name, line)| format!("{}: {line}", name.escape_debug()))
            .collect();
        let beside = related.factors().beside.iter().cloned();
        notes.beside_factors.extend(beside);
        let is_view = source.is_view(&quoted_name).map_err(ImportError::Source)?;
        let factor_remark = factor_remark(options, &related, is_view && base.is_none())?;
        Ok(Self {
            name: quoted_name,
            key,
            key_column,
            columns,
            active,
            related,
            factor_remark,
            notes,
            workos_user_id,
        })
    }

    /// The table's quoted name, with its schema.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The table's name without its schema.
    pub(super) fn plain_name(&self) -> &str {
        plain_name(&self.name)
    }

    /// The name under which the table's accounts are recorded: with its schema, unless that is PostgreSQL's usual one.
    pub(super) fn source_name(&self) -> String {
        let plain = self.plain_name();
        match self.name.rsplit_once("\".\"") {
            Some((schema, _)) if schema != "\"public" => in_same_schema(&self.name, plain),
            _ => plain.to_owned(),
        }
    }

    /// The options that name the columns by which accounts are closed.
    pub(super) fn flag_options(&self) -> &[String] {
        self.active.used_options()
    }

    /// Whether an option that [`flag_options`](Self::flag_options) has returned earlier is missing, although the table
    /// still has its column.
    pub(super) fn lacks_flag_option(&self, option: &str) -> bool {
        let text = option.split_once(' ').map_or("", |(_, text)| text);
        let column = text.split_once('=').map_or(text, |(column, _)| column);
        self.columns
            .names()
            .any(|name| name == column || name == text)
            && !has_flag_option(self.flag_options(), option)
    }

    /// The fields of Django's that the table lacks, or that no option names.
    pub(super) fn unread_fields(&self) -> Vec<&'static str> {
        let fields = FIELDS.into_iter();
        fields
            .filter(|name| self.columns.field(name).is_none())
            .collect()
    }

    /// The quoted name of the key column.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// What the key column holds.
    pub(super) fn key_column(&self) -> KeyColumn {
        self.key_column
    }

    /// The name of another table in the same schema.
    pub(super) fn in_same_schema(&self, name: &str) -> String {
        in_same_schema(&self.name, name)
    }

    /// The tables that refer to this one.
    pub(super) fn related(&self) -> &RelatedTables {
        &self.related
    }

    /// What the report says if the source may lack tables of second factors.
    pub(super) fn factor_remark(&self) -> Option<&str> {
        self.factor_remark.as_deref()
    }

    /// What the report says about columns and tables.
    pub(super) fn notes(&self) -> &SourceNotes {
        &self.notes
    }

    /// The statement that reads rows in key order.
    pub(super) fn query(&self, source: &ForeignDatabase, rows: UserRows) -> String {
        let named = |column: Option<&str>, name: &str| source.as_bytes(column, name);
        let is_active = self.active.expression(source);
        let mut cells = vec![
            named(Some(&self.key), "c_key"),
            named(Some(&is_active), "c_is_active"),
            named(self.workos_user_id.as_deref(), "c_workos_user_id"),
        ];
        for name in FIELDS {
            let column = self.columns.field(name);
            cells.push(named(column.as_deref(), &format!("c_{name}")));
        }
        for (expression, name) in self.related.cells() {
            cells.push(named(expression.as_deref(), name));
        }
        let (cells, name, key) = (cells.join(", "), &self.name, &self.key);
        let comparison = match rows {
            UserRows::Open => "=",
            UserRows::Closed => "<>",
        };
        format!("SELECT {cells} FROM {name} WHERE {is_active} {comparison} '1' ORDER BY {key}")
    }
}

/// Whether a key in a JSON object may close accounts, or be about second factors.
fn is_of_interest(key: &str) -> bool {
    may_close_accounts(key) || FactorColumn::of(key).is_some()
}

/// The name of another table in the schema of a quoted table.
fn in_same_schema(quoted: &str, name: &str) -> String {
    match quoted.rsplit_once("\".\"") {
        Some((schema, _)) => format!("{}.{name}", schema.trim_start_matches('"')),
        None => name.to_owned(),
    }
}

/// The name of a quoted table without its schema and the quotes.
fn plain_name(quoted: &str) -> &str {
    let name = quoted.rsplit_once("\".\"").map_or(quoted, |(_, name)| name);
    name.trim_matches('"')
}

fn no_such_table(source: &mut ForeignDatabase, name: &str) -> ImportError {
    let hint = hint(source);
    ImportError::Impossible(format!("--table: there is no table {name:?}; {hint}"))
}

fn missing_column(
    source: &mut ForeignDatabase,
    name: &str,
    (column, there): (&str, &str),
    has_names: bool,
) -> ImportError {
    let hint = hint(source);
    let setting = match has_names && column == "email" {
        true => "if users sign in with a username, set LOGIN_FIELD=username; otherwise ",
        false => "",
    };
    ImportError::Impossible(format!(
        "--table: {name:?} has no column {column}; it has {there}; {setting}name it with --column {column}=COLUMN, or choose \
         another table; {hint}"
    ))
}

fn hint(source: &mut ForeignDatabase) -> String {
    match source.tables_with("password", "email") {
        Ok(names) if !names.is_empty() => {
            format!("tables with a password and an email: {}", names.join(", "))
        }
        _ => "no table there has both a password and an email: is it Django's database?".to_owned(),
    }
}
