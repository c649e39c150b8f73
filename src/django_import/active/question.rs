//! The question about columns that may close accounts.

use std::collections::{BTreeMap, BTreeSet};

use crate::django_import::error::ImportError;
use crate::django_import::values::ColumnValues;

/// The columns about which the operator has to be asked.
pub(super) struct ColumnQuestion<'a> {
    /// Whether no column is known that says which accounts are closed.
    pub(super) none_is_known: bool,
    pub(super) active: Vec<&'a str>,
    pub(super) closed: Vec<&'a str>,
    pub(super) until: Vec<&'a str>,
    pub(super) closed_until: Vec<&'a str>,
    pub(super) words: Vec<&'a str>,
    /// The values of columns that have few.
    pub(super) values: &'a BTreeMap<String, ColumnValues>,
}

impl<'a> ColumnQuestion<'a> {
    pub(super) fn is_needed(&self) -> bool {
        let names = [
            &self.active,
            &self.closed,
            &self.until,
            &self.closed_until,
            &self.words,
        ];
        self.none_is_known || names.iter().any(|names| !names.is_empty())
    }

    /// The columns of the question.
    pub(super) fn names(&self) -> BTreeSet<&'a str> {
        let names = [
            &self.active,
            &self.closed,
            &self.until,
            &self.closed_until,
            &self.words,
        ];
        names.into_iter().flatten().copied().collect()
    }

    pub(super) fn ask(&self, table: &str) -> ImportError {
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
        if !self.until.is_empty() {
            let options = repeated("--active-until-column", &self.until, "");
            text += &format!(
                " If a column holds the time until which an account is open, and no time for one without an end, \
                 pass {options}."
            );
        }
        if !self.closed_until.is_empty() {
            let options = repeated("--closed-until-column", &self.closed_until, "");
            text += &format!(
                " If a column holds the time until which an account is closed, as of a ban, pass {options}."
            );
        }
        if !self.words.is_empty() {
            let options = repeated("--active-column", &self.words, "=VALUE");
            text += &format!(
                " If a column says in words which accounts are open, pass {options}, once for each value of open \
                 accounts."
            );
            for name in &self.words {
                if let Some(values) = self.values.get(*name) {
                    text += &format!(" Values of {}: {values}.", name.escape_debug());
                }
            }
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
