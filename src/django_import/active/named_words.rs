//! The words of open and of closed accounts that options name: `--active-column status=active` and
//! `--closed-column status=banned`.

use std::fmt;

use super::names::values_of_closed;
use super::question::Meaning;
use super::stems::{FALSE, TRUE};
use crate::django_import::column_content::ColumnContent;
use crate::django_import::error::ImportError;

/// How an option begins that names open accounts.
const OF_OPEN_ACCOUNTS: &str = "--active-column ";

/// The words of a column that options name.
#[derive(Default)]
pub(super) struct NamedWords {
    /// Those of open accounts. Unless there are none, every other word closes the account.
    open: Vec<String>,
    /// Those of closed ones.
    closed: Vec<String>,
}

impl NamedWords {
    /// Adds the value of an option, and returns what the column says.
    pub(super) fn add(&mut self, option: Meaning, word: &str) -> Meaning {
        let (meaning, words) = match option {
            Meaning::Active => (Meaning::Words, &mut self.open),
            _ => (Meaning::ClosedWords, &mut self.closed),
        };
        words.push(word.to_owned());
        meaning
    }

    /// The words that options with this meaning name.
    pub(super) fn of(&self, meaning: Meaning) -> &[String] {
        match meaning {
            Meaning::Words => &self.open,
            Meaning::ClosedWords => &self.closed,
            _ => &[],
        }
    }

    /// Refuses `--closed-column COLUMN=VALUE` if the column has other values that say that an account is closed: they may
    /// have been forgotten, or the value be misspelt. `content`: what the column holds.
    pub(super) fn refuse_unnamed(
        &self,
        name: &str,
        content: Option<&ColumnContent>,
    ) -> Result<(), ImportError> {
        let values = content.and_then(|content| content.values.as_ref());
        let Some(values) = values.filter(|_| self.open.is_empty()) else {
            return Ok(());
        };
        let is_named = |value: &str| self.closed.iter().any(|closed| closed == value.trim());
        let unnamed = values_of_closed(name, values).filter(|value| !is_named(value));
        let unnamed: Vec<&str> = unnamed.collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let name = name.escape_debug();
        Err(ImportError::Impossible(format!(
            "--closed-column {name}=VALUE: {name} has further values that say that an account is closed: {}. Name each of \
             them that does so, or each value of open accounts with --active-column {name}=VALUE; if no other value closes \
             an account, pass --all-active. Values of {name}: {values}",
            unnamed.join(", ").escape_debug()
        )))
    }

    /// Cases of an expression for accounts that are closed. `text`: an expression for the column's text.
    pub(super) fn cases(&self, text: &str) -> String {
        let lists = [("NOT IN", &self.open), ("IN", &self.closed)].into_iter();
        let cases = lists.filter(|(_, words)| !words.is_empty());
        let cases = cases.map(|(condition, words)| {
            let words = words.iter().map(|word| word.replace('\'', "''"));
            let words = words.collect::<Vec<_>>().join("', '");
            format!(" WHEN COALESCE(trim({text}), '') {condition} ('{words}') THEN '0'")
        });
        cases.collect()
    }
}

/// What a report says of them after the values of the column.
impl fmt::Display for NamedWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, words) in [("open", &self.open), ("closed", &self.closed)] {
            if !words.is_empty() {
                write!(f, "; {heading}: {}", words.join(", ").escape_debug())?;
            }
        }
        Ok(())
    }
}

/// Refuses a value of open accounts that says that they are closed, such as `is_deleted=1`, and the other way round.
pub(super) fn refuse_wrong_value(
    (meaning, name): (Meaning, &str),
    value: &str,
) -> Result<(), ImportError> {
    let value = value.to_lowercase();
    let is_one_of = |spellings: &str| spellings.contains(&format!("'{value}'"));
    let [spellings, opposite] = match meaning {
        Meaning::Active => [TRUE, FALSE],
        _ => [FALSE, TRUE],
    };
    let is_wrong = (Meaning::Closed.fits(name) && is_one_of(spellings))
        || (Meaning::Active.fits(name) && is_one_of(opposite));
    if !is_wrong {
        return Ok(());
    }
    let (option, _) = meaning.option();
    let [wrong, right] = match meaning {
        Meaning::Active => ["closed", "open"],
        _ => ["open", "closed"],
    };
    Err(ImportError::Impossible(format!(
        "{option} {name}={value}: the name of the column says that this is the value of {wrong} accounts; name the \
         value of {right} accounts"
    )))
}

/// Whether the options of an import, `used`, contain one of an earlier import. A value of open accounts that is
/// missing closes accounts, and so can be left out as long as the column has another one.
pub(in crate::django_import) fn has_flag_option<'a>(
    used: impl IntoIterator<Item = &'a String>,
    known: &str,
) -> bool {
    // Earlier versions recorded the word VALUE in place of each value.
    let any_value = known
        .split_once('=')
        .filter(|(option, value)| *value == "VALUE" || option.starts_with(OF_OPEN_ACCOUNTS));
    used.into_iter().any(|option| {
        let of_column = option.split_once('=').map(|(column, _)| column);
        option == known || any_value.is_some_and(|(column, _)| of_column == Some(column))
    })
}

/// Whether an option names a value of open accounts that earlier imports took for one of closed accounts.
pub(in crate::django_import) fn opens_accounts(option: &str, known: &[&str]) -> bool {
    let Some((column, _)) = option.split_once('=').filter(|_| !known.contains(&option)) else {
        return false;
    };
    column.starts_with(OF_OPEN_ACCOUNTS)
        && known.iter().any(|known| {
            known
                .split_once('=')
                .is_some_and(|(other, value)| other == column && value != "VALUE")
        })
}
