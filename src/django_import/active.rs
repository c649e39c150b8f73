//! Finds the columns that say which accounts are closed. A closed account must never be imported as an
//! open one, so a column that could say so stops the import until an option tells what it means.

mod names;
mod question;
mod words;

use std::collections::BTreeMap;

use super::columns::DjangoColumns;
use super::decode::{self, RawCell};
use super::error::ImportError;
use super::options::ImportOptions;
use super::refusal::RefusalReason;
use super::source_notes::SourceNotes;
use super::values::ColumnValues;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};
use names::{
    is_about_the_account, may_be_active, may_be_closed, may_be_closed_until, may_have_an_end,
    may_have_words, says_closed,
};
pub(super) use names::{is_secret, may_close_accounts};
use question::ColumnQuestion;
pub(super) use words::words;

/// The spellings of a false flag, in lower case. Django's databases write `0` and `false`.
pub(super) const FALSE: &str = "'0', 'f', 'false', 'n', 'no', 'off'";
/// The spellings of a true flag, in lower case.
const TRUE: &str = "'1', 't', 'true', 'y', 'yes', 'on'";

/// The pattern of a date, perhaps with a time.
const DATE: &str = "____-__-__%";

/// The value of a row whose time cannot be read.
const UNREADABLE_TIME: &str = "unreadable time";

/// The columns that say which accounts are closed, quoted.
pub(super) struct ActiveColumns {
    active: Vec<String>,
    closed: Vec<String>,
    /// The columns with the time until which an account is open.
    until: Vec<String>,
    /// The columns with the time until which an account is closed.
    closed_until: Vec<String>,
    /// The columns with words, and the words of open accounts.
    words: BTreeMap<String, Vec<String>>,
    /// The time of the import, with which the times are compared.
    now: Timestamp,
    /// The options that name these columns, such as `--closed-column is_banned`.
    options: Vec<String>,
}

impl ActiveColumns {
    /// Finds the columns, or returns the question that the operator has to answer first.
    pub(super) fn find(
        columns: &DjangoColumns,
        values: &BTreeMap<String, ColumnValues>,
        options: &ImportOptions,
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let mut found = Self {
            active: columns.field("is_active").into_iter().collect(),
            closed: Vec::new(),
            until: Vec::new(),
            closed_until: Vec::new(),
            words: BTreeMap::new(),
            now,
            options: Vec::new(),
        };
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
        for name in &options.active_until_columns {
            let column = columns.named("--active-until-column", name)?;
            found.until.push(column);
        }
        for name in &options.closed_until_columns {
            let column = columns.named("--closed-until-column", name)?;
            found.closed_until.push(column);
        }
        found.refuse_ends_as_flags(columns)?;
        found.options = found.options(columns);
        if options.all_active {
            return Ok(found);
        }
        let unexplained = |suspicious: fn(&str) -> bool| {
            let names = columns.names().filter(|name| suspicious(name));
            names
                .filter(|name| !found.names(name))
                .collect::<Vec<&str>>()
        };
        let mut open = ColumnQuestion {
            none_is_known: found.active.is_empty()
                && found.closed.is_empty()
                && found.until.is_empty()
                && found.closed_until.is_empty()
                && found.words.is_empty(),
            active: unexplained(may_be_active),
            closed: unexplained(may_be_closed),
            until: unexplained(may_have_an_end),
            closed_until: unexplained(may_be_closed_until),
            words: unexplained(may_have_words),
            values,
        };
        // A name says nothing, and a value does.
        let asked = open.names();
        let with_words = values.iter().filter(|(name, values)| {
            let is_known = found.names(name) || asked.contains(name.as_str());
            !is_known && is_about_the_account(name) && values.texts().any(says_closed)
        });
        let with_words: Vec<&str> = with_words.map(|(name, _)| name.as_str()).collect();
        open.words.extend(with_words);
        match open.is_needed() {
            true => Err(open.ask(&options.table)),
            false => Ok(found),
        }
    }

    /// The options that name the columns of this table.
    pub(super) fn used_options(&self) -> &[String] {
        &self.options
    }

    fn options(&self, columns: &DjangoColumns) -> Vec<String> {
        let mut options = Vec::new();
        for name in columns.names() {
            let quoted = quote_identifier(name);
            for (option, ending, is_named) in [
                ("--active-column", "", self.active.contains(&quoted)),
                (
                    "--active-column",
                    "=VALUE",
                    self.words.contains_key(&quoted),
                ),
                ("--closed-column", "", self.closed.contains(&quoted)),
                ("--active-until-column", "", self.until.contains(&quoted)),
                (
                    "--closed-until-column",
                    "",
                    self.closed_until.contains(&quoted),
                ),
            ] {
                if is_named {
                    options.push(format!("{option} {name}{ending}"));
                }
            }
        }
        options
    }

    /// Refuses a column with a time of an end, by its name, where the time would open closed accounts: as a flag, a
    /// time that has passed would count as true; the end of a ban is not the end of an account.
    fn refuse_ends_as_flags(&self, columns: &DjangoColumns) -> Result<(), ImportError> {
        for name in columns.names() {
            let quoted = quote_identifier(name);
            let is_flag = self.active.contains(&quoted);
            let of_ban = may_be_closed_until(name) && !self.closed_until.contains(&quoted);
            let of_account = may_have_an_end(name) && !self.until.contains(&quoted);
            let (option, right) = match (is_flag, of_ban) {
                (true, true) => ("--active-column", "--closed-until-column"),
                (true, false) if of_account => ("--active-column", "--active-until-column"),
                (false, true) if self.until.contains(&quoted) => {
                    ("--active-until-column", "--closed-until-column")
                }
                _ => continue,
            };
            return Err(ImportError::Impossible(format!(
                "{option}: a time in {name} that has passed, or is to come, would open a closed account; pass \
                 {right} {name}"
            )));
        }
        Ok(())
    }

    /// An expression for whether a row's account is open: the text `1` or `0`, or another one if the row does not say
    /// so. [`read`](Self::read) reads it.
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
        let time = |column: &String| {
            let text = format!("COALESCE(trim({}), '')", source.as_text(column));
            (source.as_utc_time(&text), text)
        };
        let now = self.now.utc().format("%Y-%m-%d %H:%M:%S");
        let today = self.now.utc().format("%Y-%m-%d");
        let mut times: Vec<(String, String)> = self.until.iter().map(time).collect();
        for (time, _) in &times {
            cases += &format!(" WHEN {time} <= '{now}' THEN '0'");
        }
        for (time, text) in self.closed_until.iter().map(time) {
            // A day of a ban counts to its end. PostgreSQL knows a time without end.
            cases += &format!(
                " WHEN {time} > '{now}' OR {text} = '{today}' OR {text} = 'infinity' THEN '0'"
            );
            times.push((time, text));
        }
        for column in &self.active {
            cases += &format!(" WHEN {} IN ('', {FALSE}) THEN '0'", flag(column));
        }
        // One column that closes the account is enough, whatever the others hold.
        for column in &self.active {
            let flag = flag(column);
            cases += &format!(
                " WHEN {flag} NOT IN ({TRUE}) AND {flag} NOT LIKE '{DATE}' THEN 'unreadable'"
            );
        }
        for (time, text) in &times {
            cases += &format!(" WHEN {text} <> '' AND {time} IS NULL THEN '{UNREADABLE_TIME}'");
        }
        match cases.is_empty() {
            true => "'1'".to_owned(),
            false => format!("(CASE{cases} ELSE '1' END)"),
        }
    }

    /// Reads the value of the [`expression`](Self::expression).
    pub(super) fn read(cell: RawCell) -> Result<bool, RefusalReason> {
        match cell.as_deref() {
            Some(value) if value == UNREADABLE_TIME.as_bytes() => {
                Err(RefusalReason::UnreadableTime)
            }
            _ => decode::boolean(cell),
        }
    }

    /// What the report says about the columns: the values of those that close accounts by words, and those with few
    /// values that close nothing, besides those to leave out.
    pub(super) fn notes(
        &self,
        columns: &DjangoColumns,
        values: &BTreeMap<String, ColumnValues>,
        is_left_out: fn(&str) -> bool,
    ) -> SourceNotes {
        let mut notes = SourceNotes::default();
        for name in columns.unread_names() {
            let Some(values) = values.get(name) else {
                continue;
            };
            let line = format!("{}: {values}", name.escape_debug());
            if let Some(open) = self.words.get(&quote_identifier(name)) {
                let open = open.join(", ");
                let line = format!("{line}; open: {}", open.escape_debug());
                notes.closing_values.push(line);
            } else if !self.names(name)
                && !is_left_out(name)
                && !is_secret(name)
                && values.repeat()
                && values.0.len() > 1
            {
                notes.unread_columns.push(line);
            }
        }
        notes
    }

    /// Whether an option names the column, or it is that of `is_active`.
    pub(super) fn names(&self, name: &str) -> bool {
        let quoted = quote_identifier(name);
        self.active.contains(&quoted)
            || self.closed.contains(&quoted)
            || self.until.contains(&quoted)
            || self.closed_until.contains(&quoted)
            || self.words.contains_key(&quoted)
    }
}
