//! Finds the columns that say which accounts are closed. A closed account must never be imported as an
//! open one, so a column that could say so stops the import until an option tells what it means.

use std::collections::BTreeMap;

use super::columns::DjangoColumns;
use super::error::ImportError;
use super::options::ImportOptions;
use crate::db::source::ForeignDatabase;

/// Names of columns that say that an account is open, with or without the prefixes and endings below.
const ACTIVE_NAMES: [&str; 4] = ["active", "approved", "enabled", "isactive"];
/// Names of columns with words that may say that an account is closed, with or without the prefixes.
const WORD_NAMES: [&str; 2] = ["state", "status"];
/// The beginnings that these names and those below may have.
const PREFIXES: [&str; 6] = ["is_", "has_been_", "date_", "account_", "user_", "was_"];
/// The endings of columns with the time, the person or the reason.
const ENDINGS: [&str; 9] = [
    "_at", "_on", "_date", "_time", "_until", "_since", "_by", "_by_id", "_reason",
];
/// Names of columns that say that an account is closed, with or without the prefixes and endings.
const CLOSED_NAMES: [&str; 17] = [
    "archived",
    "banned",
    "blocked",
    "closed",
    "deactivated",
    "deleted",
    "disabled",
    "expired",
    "frozen",
    "inactive",
    "locked",
    "rejected",
    "removed",
    "revoked",
    "suspended",
    "terminated",
    "trashed",
];
/// The spellings of a false flag, in lower case. Django's databases write `0` and `false`.
pub(super) const FALSE: &str = "'0', 'f', 'false', 'n', 'no', 'off'";
/// The spellings of a true flag, in lower case.
const TRUE: &str = "'1', 't', 'true', 'y', 'yes', 'on'";

/// The pattern of a date, perhaps with a time.
const DATE: &str = "____-__-__%";

/// The columns that say which accounts are closed, quoted.
#[derive(Default)]
pub(super) struct ActiveColumns {
    active: Vec<String>,
    closed: Vec<String>,
    /// The columns with words, and the words of open accounts.
    words: BTreeMap<String, Vec<String>>,
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
            match name.split_once('=') {
                Some((name, word)) => {
                    let column = columns.named("--active-column", name)?;
                    let words = found.words.entry(column).or_default();
                    words.push(word.trim().to_owned());
                }
                None => found.active.push(columns.named("--active-column", name)?),
            }
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
        let open = ColumnQuestion {
            none_is_known: found.active.is_empty()
                && found.closed.is_empty()
                && found.words.is_empty(),
            active: unexplained(may_be_active),
            closed: unexplained(may_be_closed),
            words: unexplained(may_have_words),
        };
        match open.is_needed() {
            true => Err(open.ask(&options.table)),
            false => Ok(found),
        }
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
        for (column, words) in &self.words {
            let text = source.as_text(column);
            let words = words.iter().map(|word| word.replace('\'', "''"));
            let words = words.collect::<Vec<_>>().join("', '");
            cases += &format!(" WHEN COALESCE(trim({text}), '') NOT IN ('{words}') THEN '0'");
        }
        for column in &self.active {
            let flag = flag(column);
            cases += &format!(" WHEN {flag} IN ('', {FALSE}) THEN '0'");
            cases += &format!(
                " WHEN {flag} NOT IN ({TRUE}) AND {flag} NOT LIKE '{DATE}' THEN 'unreadable'"
            );
        }
        match cases.is_empty() {
            true => "'1'".to_owned(),
            false => format!("(CASE{cases} ELSE '1' END)"),
        }
    }

    fn names(&self, name: &str) -> bool {
        let quoted = crate::db::source::quote_identifier(name);
        self.active.contains(&quoted)
            || self.closed.contains(&quoted)
            || self.words.contains_key(&quoted)
    }
}

fn may_be_active(name: &str) -> bool {
    ACTIVE_NAMES.contains(&without_ending(without_prefix(&name.to_lowercase())))
}

fn may_be_closed(name: &str) -> bool {
    CLOSED_NAMES.contains(&without_ending(without_prefix(&name.to_lowercase())))
}

fn may_have_words(name: &str) -> bool {
    WORD_NAMES.contains(&without_prefix(&name.to_lowercase()))
}

fn without_prefix(mut name: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

fn without_ending(name: &str) -> &str {
    let mut endings = ENDINGS.iter();
    let stem = endings.find_map(|ending| name.strip_suffix(ending));
    stem.unwrap_or(name)
}

/// The columns about which the operator has to be asked.
struct ColumnQuestion<'a> {
    /// Whether no column is known that says which accounts are closed.
    none_is_known: bool,
    active: Vec<&'a str>,
    closed: Vec<&'a str>,
    words: Vec<&'a str>,
}

impl ColumnQuestion<'_> {
    fn is_needed(&self) -> bool {
        let names = [&self.active, &self.closed, &self.words];
        self.none_is_known || names.iter().any(|names| !names.is_empty())
    }

    fn ask(&self, table: &str) -> ImportError {
        let table = table.escape_debug();
        let mut text = match self.none_is_known {
            true => format!("--table: {table} has no column is_active: which accounts are closed?"),
            false => format!("--table: {table} has columns that may close an account: do they?"),
        };
        if self.none_is_known || !self.active.is_empty() {
            let options = repeated("--active-column", &self.active, "");
            text += &format!(
                " If a column is true, or holds a time, for open accounts, pass {options}."
            );
        }
        if self.none_is_known || !self.closed.is_empty() {
            let options = repeated("--closed-column", &self.closed, "");
            text += &format!(
                " If a column is true, or holds a time, for closed accounts, pass {options}."
            );
        }
        if !self.words.is_empty() {
            let options = repeated("--active-column", &self.words, "=VALUE");
            text += &format!(
                " If a column says in words which accounts are open, pass {options}, once for each value of open \
                 accounts."
            );
        }
        text += " If no other column closes an account, pass --all-active";
        ImportError::Impossible(text)
    }
}

/// The option, once for each of these columns.
fn repeated(option: &str, columns: &[&str], ending: &str) -> String {
    let columns = match columns.is_empty() {
        true => &["COLUMN"][..],
        false => columns,
    };
    let options = columns
        .iter()
        .map(|column| format!("{option} {column}{ending}"));
    options.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flags_are_recognized() {
        for name in [
            "active",
            "Enabled",
            "is_enabled",
            "is_approved",
            "approved_at",
        ] {
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
            "account_locked",
            "is_account_frozen",
            "blocked_until",
            "suspended_by_id",
        ] {
            assert!(may_be_closed(name) && !may_be_active(name), "{name}");
        }
        for name in ["status", "State", "account_status", "user_state"] {
            assert!(may_have_words(name), "{name}");
        }
        for name in ["email", "date_joined", "created_at", "estate", "is_staff"] {
            let asks = may_be_closed(name) || may_be_active(name) || may_have_words(name);
            assert!(!asks, "{name}");
        }
    }
}
