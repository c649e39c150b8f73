//! Finds the columns that say which accounts are closed. A closed account must never be imported as an
//! open one, so a column that could say so stops the import until an option tells what it means.

use super::columns::DjangoColumns;
use super::error::ImportError;
use super::options::ImportOptions;
use crate::db::source::ForeignDatabase;

/// Names of columns that projects use in place of `is_active`.
const ACTIVE_NAMES: [&str; 4] = ["active", "enabled", "is_enabled", "isactive"];
/// Names of columns that say that an account is closed, with or without `is_`, and with `_at`.
const CLOSED_NAMES: [&str; 13] = [
    "archived",
    "banned",
    "blocked",
    "closed",
    "deactivated",
    "deleted",
    "disabled",
    "inactive",
    "locked",
    "removed",
    "revoked",
    "suspended",
    "trashed",
];
/// The spellings of a false flag, in lower case. Django's databases write `0` and `false`.
pub(super) const FALSE: &str = "'0', 'f', 'false', 'n', 'no', 'off'";
/// The spellings of a true flag, in lower case.
const TRUE: &str = "'1', 't', 'true', 'y', 'yes', 'on'";

/// The columns that say which accounts are closed, quoted.
#[derive(Default)]
pub(super) struct ActiveColumns {
    active: Vec<String>,
    closed: Vec<String>,
}

impl ActiveColumns {
    /// Finds the columns, or returns the question that the operator has to answer first.
    pub(super) fn find(
        columns: &DjangoColumns,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let mut found = Self::default();
        found.active.extend(columns.field("is_active"));
        for name in &options.active_columns {
            found.active.push(columns.named("--active-column", name)?);
        }
        for name in &options.closed_columns {
            found.closed.push(columns.named("--closed-column", name)?);
        }
        if options.all_active {
            return Ok(found);
        }
        let unexplained = |suspicious: fn(&str) -> bool| {
            let names = columns.names().filter(|name| suspicious(name));
            names
                .filter(|name| !found.names(name))
                .collect::<Vec<&str>>()
        };
        let (active, closed) = (unexplained(may_be_active), unexplained(may_be_closed));
        let none_is_known = found.active.is_empty() && found.closed.is_empty();
        if none_is_known || !active.is_empty() || !closed.is_empty() {
            return Err(question(&options.table, none_is_known, &active, &closed));
        }
        Ok(found)
    }

    /// An expression for whether a row's account is open: the text `1`, `0`, or `unreadable`.
    pub(super) fn expression(&self, source: &ForeignDatabase) -> String {
        let flag = |column: &String| {
            let text = source.as_text(column);
            format!("COALESCE(lower(trim({text})), '')")
        };
        let mut cases = String::new();
        for column in &self.closed {
            cases += &format!(" WHEN {} NOT IN ('', {FALSE}) THEN '0'", flag(column));
        }
        for column in &self.active {
            let flag = flag(column);
            cases += &format!(" WHEN {flag} IN ('', {FALSE}) THEN '0'");
            cases += &format!(" WHEN {flag} NOT IN ({TRUE}) THEN 'unreadable'");
        }
        match cases.is_empty() {
            true => "'1'".to_owned(),
            false => format!("(CASE{cases} ELSE '1' END)"),
        }
    }

    fn names(&self, name: &str) -> bool {
        let quoted = crate::db::source::quote_identifier(name);
        self.active.contains(&quoted) || self.closed.contains(&quoted)
    }
}

fn may_be_active(name: &str) -> bool {
    ACTIVE_NAMES.contains(&name.to_lowercase().as_str())
}

fn may_be_closed(name: &str) -> bool {
    let name = name.to_lowercase();
    let name = name.strip_prefix("is_").unwrap_or(&name);
    let name = name.strip_prefix("date_").unwrap_or(name);
    let stem = ["_at", "_on", "_date", "_time"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    CLOSED_NAMES.contains(&stem.unwrap_or(name))
}

fn question(table: &str, none_is_known: bool, active: &[&str], closed: &[&str]) -> ImportError {
    let mut text = match none_is_known {
        true => format!("--table: {table} has no column is_active: which accounts are closed?"),
        false => format!("--table: {table} has columns that may close an account: do they?"),
    };
    let example = |names: &[&str]| match names.is_empty() {
        true => " COLUMN".to_owned(),
        false => names.iter().map(|name| format!(" {name}")).collect(),
    };
    if none_is_known || !active.is_empty() {
        text += &format!(
            " If a column is true for open accounts, pass --active-column{}.",
            example(active)
        );
    }
    if none_is_known || !closed.is_empty() {
        text += &format!(
            " If a column is true, or holds a time, for closed accounts, pass --closed-column{}.",
            example(closed)
        );
    }
    text += " If no other column closes an account, pass --all-active";
    ImportError::Impossible(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flags_are_recognized() {
        for name in ["active", "Enabled", "is_enabled"] {
            assert!(may_be_active(name) && !may_be_closed(name), "{name}");
        }
        for name in [
            "is_deleted",
            "deleted",
            "deleted_at",
            "DISABLED",
            "is_banned",
            "date_removed",
            "locked_on",
        ] {
            assert!(may_be_closed(name) && !may_be_active(name), "{name}");
        }
        for name in ["is_active", "email", "date_joined", "created_at", "state"] {
            assert!(!may_be_closed(name) && !may_be_active(name), "{name}");
        }
    }
}
