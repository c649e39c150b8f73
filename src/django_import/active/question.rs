//! The question about columns that may close accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{
    may_be_active, may_be_closed, may_be_closed_until, may_have_an_end, may_have_words,
};
use crate::django_import::column_content::ColumnContent;
use crate::django_import::error::ImportError;

/// What a column says about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// True, or a time, if the account is open.
    Active,
    /// True, or a time, if it is closed.
    Closed,
    /// The time until which it is open.
    ActiveUntil,
    /// The time until which it is closed.
    ClosedUntil,
    /// A word that says whether it is open, if the words of open accounts are named.
    Words,
    /// The same if the words of closed ones are.
    ClosedWords,
}

impl Meaning {
    pub(super) const ALL: [Self; 6] = [
        Self::Active,
        Self::Closed,
        Self::ActiveUntil,
        Self::ClosedUntil,
        Self::Words,
        Self::ClosedWords,
    ];

    /// The option that names such a column, and what follows the name.
    pub(super) fn option(self) -> (&'static str, &'static str) {
        match self {
            Self::Active => ("--active-column", ""),
            Self::Closed => ("--closed-column", ""),
            Self::ActiveUntil => ("--active-until-column", ""),
            Self::ClosedUntil => ("--closed-until-column", ""),
            Self::Words => ("--active-column", "=VALUE"),
            Self::ClosedWords => ("--closed-column", "=VALUE"),
        }
    }

    /// Whether the name of a column suggests this meaning.
    pub(super) fn fits(self, name: &str) -> bool {
        match self {
            Self::Active => may_be_active(name),
            Self::Closed => may_be_closed(name),
            Self::ActiveUntil => may_have_an_end(name),
            Self::ClosedUntil => may_be_closed_until(name),
            Self::Words => may_have_words(name),
            // The question about the other words names both options.
            Self::ClosedWords => false,
        }
    }

    /// The parts of the question before and after the options.
    fn sentence(self) -> (&'static str, &'static str) {
        match self {
            Self::Active => ("is true, or holds a time, for open accounts", ""),
            Self::Closed => ("is true, or holds a time, for closed accounts", ""),
            Self::ActiveUntil => (
                "holds the time until which an account is open, and no time for one without an end",
                "",
            ),
            Self::ClosedUntil => (
                "holds the time until which an account is closed, as of a ban",
                "",
            ),
            Self::Words | Self::ClosedWords => (
                "says in words which accounts are open",
                ", once for each value of open accounts, or --closed-column COLUMN=VALUE, once for each value of closed \
                 ones",
            ),
        }
    }
}

/// The columns about which the operator has to be asked.
pub(super) struct ColumnQuestion<'a> {
    /// Whether no column is known that says which accounts are closed.
    pub(super) none_is_known: bool,
    pub(super) columns: BTreeMap<Meaning, Vec<&'a str>>,
    /// What the columns hold.
    pub(super) contents: &'a BTreeMap<String, ColumnContent>,
}

impl<'a> ColumnQuestion<'a> {
    pub(super) fn is_needed(&self) -> bool {
        self.none_is_known || self.columns.values().any(|names| !names.is_empty())
    }

    /// Whether the question names the column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.values().any(|names| names.contains(&name))
    }

    pub(super) fn add(&mut self, meaning: Meaning, name: &'a str) {
        self.columns.entry(meaning).or_default().push(name);
    }

    /// The question about columns of the table that a view is built on, which the view lacks.
    pub(super) fn ask_of_base(&self, view: &str, base: &str) -> ImportError {
        let names: BTreeSet<&str> = self.columns.values().flatten().copied().collect();
        let names: Vec<&str> = names.into_iter().collect();
        ImportError::Impossible(format!(
            "--view-of: {base}, on which {view} is built, has columns that may close an account, and that the view \
             lacks: {}. If they close accounts, add them to the view and answer the question about them. If no column \
             besides those of the view closes an account, pass --all-active",
            names.join(", ").escape_debug(),
            base = base.escape_debug(),
            view = view.escape_debug()
        ))
    }

    pub(super) fn ask(&self, table: &str) -> ImportError {
        let table = table.escape_debug();
        let mut text = match self.none_is_known {
            true => format!("--table: {table} has no column is_active: which accounts are closed?"),
            false => format!("--table: {table} has columns that may close an account: do they?"),
        };
        for meaning in Meaning::ALL {
            let names = self.columns.get(&meaning).map_or(&[][..], Vec::as_slice);
            let is_flag = matches!(meaning, Meaning::Active | Meaning::Closed);
            let names = match names {
                [] if self.none_is_known && is_flag => &["COLUMN"],
                [] => continue,
                names => names,
            };
            let (option, ending) = meaning.option();
            let options = names.iter().map(|name| format!("{option} {name}{ending}"));
            let options = options.collect::<Vec<_>>().join(" ");
            let (condition, times) = meaning.sentence();
            text += &format!(" If a column {condition}, pass {options}{times}.");
        }
        for name in self.columns.get(&Meaning::Words).into_iter().flatten() {
            if let Some(values) = self
                .contents
                .get(*name)
                .and_then(|content| content.values.as_ref())
            {
                text += &format!(" Values of {}: {values}.", name.escape_debug());
            }
        }
        text += " If no other column closes an account, pass --all-active";
        ImportError::Impossible(text)
    }
}
