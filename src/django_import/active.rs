//! Finds the columns that say which accounts are closed. A closed account must never be imported as an
//! open one, so a column that could say so stops the import until an option tells what it means.

mod names;

use std::collections::BTreeMap;

use super::columns::DjangoColumns;
use super::decode::{self, RawCell};
use super::error::ImportError;
use super::options::ImportOptions;
use super::refusal::RefusalReason;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};
use names::{may_be_active, may_be_closed, may_have_an_end, may_have_words};

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
        options: &ImportOptions,
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let mut found = Self {
            active: columns.field("is_active").into_iter().collect(),
            closed: Vec::new(),
            until: Vec::new(),
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
        let open = ColumnQuestion {
            none_is_known: found.active.is_empty()
                && found.closed.is_empty()
                && found.until.is_empty()
                && found.words.is_empty(),
            active: unexplained(may_be_active),
            closed: unexplained(may_be_closed),
            until: unexplained(may_have_an_end),
            words: unexplained(may_have_words),
        };
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
            ] {
                if is_named {
                    options.push(format!("{option} {name}{ending}"));
                }
            }
        }
        options
    }

    /// Refuses a column that has the time until which an account is open, by its name, as a flag: a time that has
    /// passed would count as true.
    fn refuse_ends_as_flags(&self, columns: &DjangoColumns) -> Result<(), ImportError> {
        let mut names = columns.names().filter(|name| may_have_an_end(name));
        let is_flag = |name: &&str| {
            let quoted = quote_identifier(name);
            self.active.contains(&quoted) && !self.until.contains(&quoted)
        };
        names.find(is_flag).map_or(Ok(()), |name| {
            Err(ImportError::Impossible(format!(
                "--active-column: a time in {name} that has passed would open the account; pass \
                 --active-until-column {name}"
            )))
        })
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
        let times = self.until.iter().map(|column| {
            let text = format!("COALESCE(trim({}), '')", source.as_text(column));
            (source.as_utc_time(&text), text)
        });
        let times: Vec<(String, String)> = times.collect();
        let now = self.now.utc().format("%Y-%m-%d %H:%M:%S");
        for (time, _) in &times {
            cases += &format!(" WHEN {time} <= '{now}' THEN '0'");
        }
        for column in &self.active {
            let flag = flag(column);
            cases += &format!(" WHEN {flag} IN ('', {FALSE}) THEN '0'");
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

    fn names(&self, name: &str) -> bool {
        let quoted = quote_identifier(name);
        self.active.contains(&quoted)
            || self.closed.contains(&quoted)
            || self.until.contains(&quoted)
            || self.words.contains_key(&quoted)
    }
}

/// The columns about which the operator has to be asked.
struct ColumnQuestion<'a> {
    /// Whether no column is known that says which accounts are closed.
    none_is_known: bool,
    active: Vec<&'a str>,
    closed: Vec<&'a str>,
    until: Vec<&'a str>,
    words: Vec<&'a str>,
}

impl ColumnQuestion<'_> {
    fn is_needed(&self) -> bool {
        let names = [&self.active, &self.closed, &self.until, &self.words];
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
        if !self.until.is_empty() {
            let options = repeated("--active-until-column", &self.until, "");
            text += &format!(
                " If a column holds the time until which an account is open, and no time for one without an end, \
                 pass {options}."
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
