//! What the names and values of columns say about accounts. The words of a name are compared with the beginnings of
//! words in all their forms, since a question too many costs little, and a closed account that is opened much.

use super::other_words::*;
use super::stems::*;
use crate::django_import::values::ColumnValues;
use crate::django_import::words::{is_form_of, is_one_of, words};

/// A name, divided into words.
pub(super) struct NameWords(Vec<String>);

impl NameWords {
    pub(super) fn of(name: &str) -> Self {
        Self(words(name))
    }

    /// None if the name is about something else than the account.
    fn about_the_account(name: &str) -> Self {
        let name = Self::of(name);
        let is_of_an_action = name.has(&OF_ACTIONS) && name.0.iter().any(|word| is_action(word));
        match name.has(&OTHERS) || is_of_an_action {
            true => Self(Vec::new()),
            false => name,
        }
    }

    fn has(&self, wanted: &[&str]) -> bool {
        self.0.iter().any(|word| wanted.contains(&word.as_str()))
    }

    fn any(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|word| holds(word))
    }

    fn begins_with(&self, beginnings: &[&str]) -> bool {
        self.any(|word| beginnings.iter().any(|start| word.starts_with(start)))
    }

    fn has_pair(&self, holds: impl Fn(&str, &str) -> bool) -> bool {
        self.0.windows(2).any(|pair| match pair {
            [first, second] => holds(first, second),
            _ => false,
        })
    }

    fn says_open(&self) -> bool {
        self.any(|word| is_form_of(word, &OPEN) || is_one_of(word, &OPEN_WORDS))
    }

    /// A word that says that an account is closed, and is no end that may lie in the future.
    fn says_closed(&self) -> bool {
        let is_deleted = |word: &str| is_one_of(word, &DELETED);
        let is_short = self.any(is_deleted)
            && !self.any(|word| !is_deleted(word) && !FLAG_WORDS.contains(&word));
        is_short || self.any(|word| is_closed(word) && !is_end(word))
    }

    /// Whether a true flag, or a time, means that the account is open.
    pub(super) fn is_flag_of_open(&self) -> bool {
        let is_permission = self.has(&MAY) && self.has(&LOGIN);
        let is_allowed = self.has(&["allowed", "permitted"])
            && !self.any(|word| !["account", "allowed", "is", "permitted", "user"].contains(&word));
        let is_open =
            self.says_open() && !self.has(&NOT) && !self.has(&NOT_YET) && !self.says_closed();
        let is_not_closed = self.has(&NOT) && self.says_closed() && !self.says_open();
        let may = (is_permission || is_allowed) && !self.has(&MAY_NOT) && !self.says_closed();
        (is_open || is_not_closed || may)
            && !self.has(&["last"])
            && !self.is_end_of_account()
            && !self.is_end_of_ban()
    }

    /// Whether a true flag, or a time, means that the account is closed.
    pub(super) fn is_flag_of_closed(&self) -> bool {
        let is_closed = self.says_closed() && (!self.has(&NOT) || self.says_open());
        let is_not_open = self.says_open() && (self.has(&NOT) || self.has(&NOT_YET));
        let may_not = self.has(&MAY_NOT) && self.has(&LOGIN);
        (is_closed || is_not_open || may_not) && !self.is_end_of_ban()
    }

    /// Whether a time is the one until which the account is open.
    pub(super) fn is_end_of_account(&self) -> bool {
        if self.is_end_of_ban() {
            return false;
        }
        let is_last_day = self.has_pair(|first, second| match first {
            "last" => ["day", "working"].contains(&second),
            "not" => second == "after",
            _ => false,
        });
        if is_last_day || self.any(|word| is_form_of(word, &["end", "expir"])) {
            return true;
        }
        if let Some(word) = self.0.iter().find(|word| is_closed(word)) {
            // A planned end, such as termination_date.
            return is_action(word) && self.has(&TIMES);
        }
        let is_valid_to = self.has_pair(|first, second| {
            second == "to" && (VALID.contains(&first) || is_form_of(first, &OPEN))
        });
        self.any(is_until) || is_valid_to
    }

    /// Whether a time is the one until which the account is closed, such as `banned_until`.
    pub(super) fn is_end_of_ban(&self) -> bool {
        let is_end =
            |word: &str| is_until(word) || word == "to" || is_form_of(word, &["end", "expir"]);
        let is_return = self.any(|word| is_form_of(word, &RETURN)) && self.has(&TIMES);
        is_return || (self.any(|word| is_form_of(word, &TEMPORARY)) && self.any(is_end))
    }

    /// Whether a time is the one from which the account is open.
    pub(super) fn is_beginning(&self) -> bool {
        self.has(&BEGINNINGS)
    }

    /// Whether the name has a word such as `until`.
    pub(super) fn has_until(&self) -> bool {
        self.any(is_until) || self.has(&["to"])
    }

    /// Whether what the name says of an account is only so for some time.
    pub(super) fn is_temporary(&self) -> bool {
        self.any(|word| is_form_of(word, &TEMPORARY))
    }
}

pub(super) fn may_be_active(name: &str) -> bool {
    NameWords::about_the_account(name).is_flag_of_open()
}

pub(super) fn may_be_closed(name: &str) -> bool {
    NameWords::about_the_account(name).is_flag_of_closed()
}

/// Whether the column may have the time until which an account is open.
pub(super) fn may_have_an_end(name: &str) -> bool {
    let words = NameWords::about_the_account(name);
    words.is_end_of_account() && !words.has(&PAID)
}

/// Whether the column may have the time until which an account is closed, such as `banned_until`.
pub(super) fn may_be_closed_until(name: &str) -> bool {
    NameWords::about_the_account(name).is_end_of_ban()
}

/// Whether the column may have the time from which an account is open.
pub(super) fn may_begin(name: &str) -> bool {
    NameWords::about_the_account(name).is_beginning()
}

/// Whether the column may say in words which accounts are closed.
pub(super) fn may_have_words(name: &str) -> bool {
    let words = NameWords::about_the_account(name);
    let is_wanted = |word: &str| {
        is_one_of(word, &WORD_NAMES) || (word.ends_with("status") && word.len() > "status".len())
    };
    words.any(is_wanted) && !words.begins_with(&OTHER_WORDS)
}

/// Whether the name of a column suggests that it may close accounts, in whatever way.
pub(in crate::django_import) fn may_close_accounts(name: &str) -> bool {
    let flags = may_be_closed(name) || may_be_active(name) || name == "is_active";
    flags || may_have_words(name) || may_have_an_end(name) || may_be_closed_until(name)
}

/// Whether the name of a table says that its rows close accounts, such as `users_ban`. The first word is the
/// application's.
pub(in crate::django_import) fn says_closed_of_table(name: &str) -> bool {
    let words = words(name);
    let own = words
        .get(1..)
        .filter(|own| !own.is_empty())
        .unwrap_or(&words);
    own.iter().any(|word| {
        let mut parts = OF_TABLES.iter();
        parts.any(|part| word.contains(part)) || is_form_of(word, &OF_PERSONS)
    })
}

/// Whether a name, or a value, says of a person that the account is closed.
pub(in crate::django_import) fn says_closed_of_persons(text: &str) -> bool {
    NameWords::of(text).any(|word| is_form_of(word, &OF_PERSONS))
}

/// Whether a column may have secrets.
pub(in crate::django_import) fn is_secret(name: &str) -> bool {
    NameWords::of(name).any(|word| SECRETS.iter().any(|secret| word.contains(secret)))
}

/// Whether a column with a name such as `state` has the state of an address. `names`: the columns of the table.
pub(super) fn is_place<'a>(
    name: &str,
    values: Option<&ColumnValues>,
    mut names: impl Iterator<Item = &'a str>,
) -> bool {
    if !STATES.contains(&name.to_lowercase().as_str()) {
        return false;
    }
    // More than a dozen values are none of a status.
    let Some(values) = values.filter(|values| values.are_few()) else {
        return true;
    };
    let texts: Vec<&str> = values.texts().filter(|text| !text.is_empty()).collect();
    let is_of_usa = |text: &&str| US_STATES.split_whitespace().any(|state| state == *text);
    if !texts.is_empty() && texts.iter().all(is_of_usa) {
        return true;
    }
    let is_name =
        |text: &&str| text.chars().all(|c| c.is_alphabetic() || c == ' ') && text.len() > 1;
    names.any(|other| NameWords::of(other).has(&OF_ADDRESSES))
        && texts.iter().all(is_name)
        && !texts.iter().any(|text| NameWords::of(text).says_open())
}

/// Whether a value says that an account is closed, such as `banned`. In a column about a setting or a payment, `disabled`
/// and the like say nothing of the account.
pub(super) fn values_say_closed(name: &str, values: &ColumnValues) -> bool {
    values_of_closed(name, values).next().is_some()
}

/// The values that say that an account is closed.
pub(super) fn values_of_closed<'a>(
    name: &str,
    values: &'a ColumnValues,
) -> impl Iterator<Item = &'a str> {
    let names = NameWords::of(name);
    let is_setting = names.has(&SETTINGS) || names.begins_with(&PROCESSES);
    let is_side = values
        .texts()
        .any(|text| text.eq_ignore_ascii_case("right"));
    values.texts().filter(move |value| {
        let words = NameWords::of(value);
        let says = |word: &str| match word {
            "left" => !is_side && !is_setting,
            _ if is_setting => is_form_of(word, &OF_PERSONS),
            _ => is_closed(word) && !NO_STATUS.contains(&word),
        };
        let is_not_open = !is_setting && words.says_open() && words.has(&NOT);
        words.0.len() <= 3 && (is_not_open || words.any(says))
    })
}

fn is_closed(word: &str) -> bool {
    is_form_of(word, &CLOSED) || is_one_of(word, &CLOSED_WORDS)
}

/// Whether the word is about an end that may lie in the future: `expires`, and not `expired`.
fn is_end(word: &str) -> bool {
    is_form_of(word, &["end", "expir"]) && !word.ends_with("ed")
}

fn is_until(word: &str) -> bool {
    let follows_a_ban = |until: &&str| {
        let before = word.strip_suffix(until);
        before.is_some_and(|before| is_form_of(before, &TEMPORARY))
    };
    UNTIL
        .iter()
        .any(|until| word == *until || word == format!("active{until}"))
        || ["until", "till"].iter().any(follows_a_ban)
}

/// Whether the word names an action: `deletion`, and not `deleted`.
fn is_action(word: &str) -> bool {
    word.ends_with("ion") || word.ends_with("ment") || word == "exit"
}

#[cfg(test)]
mod tests;
