//! Finds the columns that say which accounts are closed. A closed account must never be imported as an
//! open one, so a column that could say so stops the import until an option tells what it means.

mod named_words;
mod names;
mod other_words;
mod question;
mod stems;
mod wrong_option;

use std::collections::BTreeMap;

use super::column_content::ColumnContent;
use super::columns::DjangoColumns;
use super::decode::{self, RawCell};
use super::error::ImportError;
use super::factor_names::is_factor_column;
use super::options::ImportOptions;
use super::refusal::RefusalReason;
use super::source_notes::SourceNotes;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};
use named_words::{NamedWords, refuse_wrong_value};
pub(super) use named_words::{has_flag_option, opens_accounts};
use names::{is_place, may_begin, values_say_closed};
pub(super) use names::{
    is_secret, may_close_accounts, says_closed_of_persons, says_closed_of_table,
};
use question::{ColumnQuestion, Meaning};
pub(super) use stems::FALSE;
use stems::TRUE;
use wrong_option::refuse_wrong_option;

/// The pattern of a date, perhaps with a time.
const DATE: &str = "____-__-__%";

/// The value of a row whose time cannot be read.
const UNREADABLE_TIME: &str = "unreadable time";

/// The columns that say which accounts are closed.
pub(super) struct ActiveColumns {
    /// The columns, and what they say.
    named: Vec<(Meaning, String)>,
    /// The columns with words.
    words: BTreeMap<String, NamedWords>,
    /// The time of the import, with which the times are compared.
    now: Timestamp,
    /// The options that name these columns, such as `--closed-column is_banned` and `--closed-column status=4`.
    options: Vec<String>,
}

impl ActiveColumns {
    /// Finds the columns, or returns the question that the operator has to answer first. `contents`: what the columns
    /// hold that are no fields of Django's. `base`: the same of the table that a view is built on, for the columns that
    /// the view lacks.
    pub(super) fn find(
        columns: &DjangoColumns,
        (contents, base): (
            &BTreeMap<String, ColumnContent>,
            &BTreeMap<String, ColumnContent>,
        ),
        options: &ImportOptions,
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let is_active = columns.field_name("is_active").map(str::to_owned);
        let mut found = Self {
            named: is_active
                .map(|name| (Meaning::Active, name))
                .into_iter()
                .collect(),
            words: BTreeMap::new(),
            now,
            options: Vec::new(),
        };
        for (meaning, names) in [
            (Meaning::Active, &options.active_columns),
            (Meaning::Closed, &options.closed_columns),
            (Meaning::ActiveUntil, &options.active_until_columns),
            (Meaning::ClosedUntil, &options.closed_until_columns),
        ] {
            for name in names {
                found.add(columns, meaning, name)?;
            }
        }
        for (meaning, name) in &found.named {
            let named = found.named.iter().filter(|(_, other)| other == name);
            let named: Vec<Meaning> = named.map(|(meaning, _)| *meaning).collect();
            refuse_wrong_option((*meaning, name), &named, contents.get(name))?;
        }
        found.options = found.options(columns);
        if !options.all_active {
            for (name, words) in &found.words {
                words.refuse_unnamed(name, contents.get(name))?;
            }
        }
        let base_name = options.view_of.as_deref().unwrap_or_default();
        if !options.all_active {
            let names: Vec<&str> = base.keys().map(String::as_str).collect();
            let question = found.question(&names, base);
            if !question.columns.is_empty() {
                return Err(question.ask_of_base(&options.table, base_name));
            }
            let names: Vec<&str> = columns.names().collect();
            let question = found.question(&names, contents);
            if question.is_needed() {
                return Err(question.ask(&options.table));
            }
        } else if found.named.is_empty() && base.contains_key("is_active") {
            return Err(ImportError::Impossible(format!(
                "--all-active: {base_name}, on which {table} is built, has is_active, and the view lacks it: add it to \
                 the view",
                base_name = base_name.escape_debug(),
                table = options.table.escape_debug()
            )));
        }
        Ok(found)
    }

    /// Adds a column that an option names; `--active-column` and `--closed-column` also as `COLUMN=VALUE`.
    fn add(
        &mut self,
        columns: &DjangoColumns,
        meaning: Meaning,
        name: &str,
    ) -> Result<(), ImportError> {
        let (option, _) = meaning.option();
        match name.split_once('=') {
            Some((name, word)) if matches!(meaning, Meaning::Active | Meaning::Closed) => {
                columns.named(option, name)?;
                refuse_wrong_value((meaning, name), word.trim())?;
                let words = self.words.entry(name.to_owned()).or_default();
                let meaning = words.add(meaning, word.trim());
                if !self.has(meaning, name) {
                    self.named.push((meaning, name.to_owned()));
                }
            }
            _ => {
                columns.named(option, name)?;
                self.named.push((meaning, name.to_owned()));
            }
        }
        Ok(())
    }

    /// The question about the columns of a table that no option names.
    fn question<'a>(
        &self,
        columns: &[&'a str],
        contents: &'a BTreeMap<String, ColumnContent>,
    ) -> ColumnQuestion<'a> {
        let mut question = ColumnQuestion {
            none_is_known: self.named.is_empty(),
            columns: BTreeMap::new(),
            contents,
        };
        let values = |name: &str| {
            contents
                .get(name)
                .and_then(|content| content.values.as_ref())
        };
        for name in columns.iter().copied().filter(|name| !self.names(name)) {
            let is_wanted = |meaning: &Meaning| match meaning {
                // Such as `two_fa_enabled`.
                Meaning::Active if is_factor_column(name) => false,
                Meaning::Words if is_place(name, values(name), columns.iter().copied()) => false,
                meaning => meaning.fits(name),
            };
            for meaning in Meaning::ALL.into_iter().filter(is_wanted) {
                question.add(meaning, name);
            }
        }
        for (name, content) in contents {
            if self.names(name) || question.has(name) {
                continue;
            }
            // A name says nothing, and a value does.
            let has_begun = content.future_times().is_none_or(|future| future == 0);
            if content
                .values
                .as_ref()
                .is_some_and(|values| values_say_closed(name, values))
            {
                question.add(Meaning::Words, name);
            } else if may_begin(name) && !has_begun {
                question.add(Meaning::ClosedUntil, name);
            }
        }
        question
    }

    /// The options that name the columns of this table.
    pub(super) fn used_options(&self) -> &[String] {
        &self.options
    }

    fn options(&self, columns: &DjangoColumns) -> Vec<String> {
        let mut options = Vec::new();
        for name in columns.names() {
            for meaning in Meaning::ALL {
                if !self.has(meaning, name) {
                    continue;
                }
                let (option, _) = meaning.option();
                match self
                    .words
                    .get(name)
                    .map_or(&[][..], |words| words.of(meaning))
                {
                    [] => options.push(format!("{option} {name}")),
                    words => {
                        let named = words.iter().map(|word| format!("{option} {name}={word}"));
                        options.extend(named);
                    }
                }
            }
        }
        options
    }

    /// The quoted columns with this meaning.
    fn quoted(&self, meaning: Meaning) -> Vec<String> {
        let named = self.named.iter().filter(|(known, _)| *known == meaning);
        named.map(|(_, name)| quote_identifier(name)).collect()
    }

    fn has(&self, meaning: Meaning, name: &str) -> bool {
        let mut named = self.named.iter();
        named.any(|(known, other)| *known == meaning && other == name)
    }

    /// Whether an option names the column, or it is that of `is_active`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.named.iter().any(|(_, known)| known == name)
    }

    /// An expression for whether a row's account is open: the text `1` or `0`, or another one if the row does not say
    /// so. [`read`](Self::read) reads it.
    pub(super) fn expression(&self, source: &ForeignDatabase) -> String {
        let flag = |column: &String| {
            let text = source.as_text(column);
            format!("COALESCE(lower(trim({text})), '')")
        };
        let mut cases = String::new();
        for column in &self.quoted(Meaning::Closed) {
            cases += &format!(" WHEN {} NOT IN ('', {FALSE}) THEN '0'", flag(column));
        }
        for (column, words) in &self.words {
            let text = source.as_text(&quote_identifier(column));
            cases += &words.cases(&text);
        }
        let time = |column: &String| {
            let text = format!("COALESCE(trim({}), '')", source.as_text(column));
            (source.as_utc_time(&text), text)
        };
        let now = self.now.utc().format("%Y-%m-%d %H:%M:%S");
        let today = self.now.utc().format("%Y-%m-%d");
        let until = self.quoted(Meaning::ActiveUntil);
        let mut times: Vec<(String, String)> = until.iter().map(time).collect();
        for (time, _) in &times {
            cases += &format!(" WHEN {time} <= '{now}' THEN '0'");
        }
        for (time, text) in self.quoted(Meaning::ClosedUntil).iter().map(time) {
            // A day of a ban counts to its end. PostgreSQL knows a time without end.
            cases += &format!(
                " WHEN {time} > '{now}' OR {text} = '{today}' OR {text} = 'infinity' THEN '0'"
            );
            times.push((time, text));
        }
        let active = self.quoted(Meaning::Active);
        for column in &active {
            cases += &format!(" WHEN {} IN ('', {FALSE}) THEN '0'", flag(column));
        }
        // One column that closes the account is enough, whatever the others hold.
        for column in &active {
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
    /// values or with times that close nothing, besides those to leave out.
    pub(super) fn notes(
        &self,
        contents: &BTreeMap<String, ColumnContent>,
        is_left_out: impl Fn(&str) -> bool,
    ) -> SourceNotes {
        let mut notes = SourceNotes::default();
        for (name, content) in contents {
            let shown = name.escape_debug();
            let values = content.values.as_ref();
            for (key, rows) in content
                .json
                .iter()
                .filter(|(key, _)| may_close_accounts(key))
            {
                let line = format!("{shown}.{}: {rows} with a value", key.escape_debug());
                notes.unread_columns.push(line);
            }
            if let (Some(words), Some(values)) = (self.words.get(name), values) {
                let line = format!("{shown}: {values}{words}");
                notes.closing_values.push(line);
            } else if !self.names(name) && !is_left_out(name) && content.varies() {
                let line = format!("{shown}: {}", content.summary(is_secret(name)));
                notes.unread_columns.push(line);
            }
        }
        notes
    }
}
