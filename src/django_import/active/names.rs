//! Names of columns that may say which accounts are closed. The words of a name are compared with the beginnings of
//! words in all their forms, since a question too many costs little, and a closed account that is opened much.

use super::words::{is_form_of, is_one_of, words};

/// The beginnings of words that say that an account is open.
const OPEN: [&str; 3] = ["activ", "approv", "enabl"];
/// The beginnings of words that say that an account is closed.
const CLOSED: [&str; 67] = [
    "anonymi",
    "archiv",
    "ban",
    "barr",
    "blacklist",
    "block",
    "blocklist",
    "cancel",
    "clos",
    "deactiv",
    "deceas",
    "declin",
    "defunct",
    "delet",
    "denied",
    "denylist",
    "departed",
    "departur",
    "destroy",
    "disabl",
    "discard",
    "dismiss",
    "disqualif",
    "dormant",
    "end",
    "eras",
    "excluded",
    "expel",
    "expir",
    "forbid",
    "forbidd",
    "fraud",
    "freez",
    "froz",
    "inactiv",
    "invalidat",
    "leav",
    "left",
    "lock",
    "lockout",
    "locked",
    "merged",
    "obsolet",
    "offboard",
    "paus",
    "prohibit",
    "purg",
    "quarantin",
    "quit",
    "reject",
    "remov",
    "resign",
    "restrict",
    "retir",
    "revok",
    "shadowban",
    "spam",
    "spamm",
    "suspen",
    "suspend",
    "terminat",
    "trash",
    "unapprov",
    "unsubscrib",
    "void",
    "withdraw",
    "withdrawn",
];
/// Those of them from which an account returns by itself when a time has passed.
const TEMPORARY: [&str; 19] = [
    "ban",
    "barr",
    "block",
    "deactiv",
    "disabl",
    "excluded",
    "forbid",
    "freez",
    "froz",
    "inactiv",
    "lock",
    "lockout",
    "locked",
    "paus",
    "quarantin",
    "restrict",
    "shadowban",
    "suspen",
    "suspend",
];
/// Words that begin a name of which an account may be open until that time.
const UNTIL: [&str; 4] = ["until", "till", "through", "thru"];
/// The words before `to` that make an end of it, besides those of open accounts.
const VALID: [&str; 2] = ["valid", "validity"];
/// Verbs of a permission.
const MAY: [&str; 6] = ["allow", "allowed", "can", "has", "may", "permitted"];
/// What such a permission is for.
const LOGIN: [&str; 5] = ["access", "log", "login", "signin", "sign"];
/// Words of columns that are about something else than the account, wherever they are.
const OTHERS: [&str; 40] = [
    "2fa",
    "attempts",
    "biometric",
    "biometrics",
    "browser",
    "cookie",
    "cookies",
    "count",
    "counter",
    "device",
    "email",
    "emails",
    "factor",
    "hash",
    "link",
    "mail",
    "mails",
    "marketing",
    "mfa",
    "mode",
    "newsletter",
    "newsletters",
    "notification",
    "notifications",
    "notify",
    "otp",
    "password",
    "phone",
    "push",
    "secret",
    "sms",
    "sound",
    "sounds",
    "tfa",
    "theme",
    "token",
    "totp",
    "url",
    "version",
    "whatsapp",
];
/// What a column is that has one of these words after an action, such as `activation_key`.
const OF_ACTIONS: [&str; 3] = ["code", "key", "pin"];
/// Words of columns with words that may say that an account is closed.
const WORD_NAMES: [&str; 5] = ["lifecycle", "standing", "state", "stati", "status"];
/// What such a column may be about besides the account.
const OTHER_WORDS: [&str; 26] = [
    "address",
    "billing",
    "birth",
    "call",
    "civil",
    "custom",
    "delivery",
    "emoji",
    "employment",
    "family",
    "health",
    "home",
    "job",
    "mailing",
    "marital",
    "marriage",
    "message",
    "online",
    "order",
    "payment",
    "presence",
    "relationship",
    "residence",
    "shipping",
    "tax",
    "work",
];

/// Parts of words of columns with secrets.
const SECRETS: [&str; 8] = [
    "code", "hash", "key", "otp", "password", "pin", "secret", "token",
];
/// Values that say nothing of an account: the left hand, the end of a day.
const NO_STATUS: [&str; 6] = ["end", "leave", "left", "lock", "on", "void"];

pub(super) fn may_be_active(name: &str) -> bool {
    let words = words_about_the_account(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let is_permission = has(&MAY) && has(&LOGIN);
    let says_open = words.iter().any(|word| is_form_of(word, &OPEN));
    (says_open || is_permission)
        && !has(&["last", "non", "not"])
        && !may_be_closed(name)
        && !may_have_an_end(name)
        && !may_be_closed_until(name)
}

pub(super) fn may_be_closed(name: &str) -> bool {
    let words = words_about_the_account(name);
    let is_negated = words.iter().any(|word| word == "not" || word == "non");
    let says_open = || words.iter().any(|word| is_form_of(word, &OPEN));
    let says_closed = |word: &String| is_form_of(word, &CLOSED) && !is_end(word);
    (words.iter().any(says_closed) || (is_negated && says_open())) && !may_be_closed_until(name)
}

/// Whether the column may have the time until which an account is open.
pub(super) fn may_have_an_end(name: &str) -> bool {
    let words = words_about_the_account(name);
    if may_be_closed_until(name) {
        return false;
    }
    if words.iter().any(|word| is_form_of(word, &["end", "expir"])) {
        return true;
    }
    let says_closed = |word: &&String| is_form_of(word, &CLOSED);
    if let Some(word) = words.iter().find(says_closed) {
        // A planned end, such as termination_date.
        return is_action(word)
            && words
                .iter()
                .any(|word| ["at", "date", "on", "time"].contains(&word.as_str()));
    }
    let is_valid_to = words.windows(2).any(|pair| match pair {
        [first, to] if to == "to" => VALID.contains(&first.as_str()) || is_form_of(first, &OPEN),
        _ => false,
    });
    words.iter().any(|word| is_until(word)) || is_valid_to
}

/// Whether the column may have the time until which an account is closed, such as `banned_until`.
pub(super) fn may_be_closed_until(name: &str) -> bool {
    let words = words_about_the_account(name);
    let is_end =
        |word: &String| is_until(word) || word == "to" || is_form_of(word, &["end", "expir"]);
    words.iter().any(|word| is_form_of(word, &TEMPORARY)) && words.iter().any(is_end)
}

pub(super) fn may_have_words(name: &str) -> bool {
    let words = words_about_the_account(name);
    let is_other = |word: &String| OTHER_WORDS.iter().any(|other| word.starts_with(other));
    let is_wanted = |word: &String| {
        is_one_of(word, &WORD_NAMES) || (word.ends_with("status") && word.len() > "status".len())
    };
    words.iter().any(is_wanted) && !words.iter().any(is_other)
}

/// Whether the name of a column suggests that it may close accounts, in whatever way.
pub(in crate::django_import) fn may_close_accounts(name: &str) -> bool {
    let flags = may_be_closed(name) || may_be_active(name) || name == "is_active";
    flags || may_have_words(name) || may_have_an_end(name) || may_be_closed_until(name)
}

/// Whether a column may be about the account: its name has no word of something else.
pub(super) fn is_about_the_account(name: &str) -> bool {
    let words = words_about_the_account(name);
    let is_other = |word: &String| OTHER_WORDS.iter().any(|other| word.starts_with(other));
    !words.is_empty() && !words.iter().any(is_other)
}

/// Whether a column may have secrets.
pub(in crate::django_import) fn is_secret(name: &str) -> bool {
    let words = words(name);
    words
        .iter()
        .any(|word| SECRETS.iter().any(|secret| word.contains(secret)))
}

/// Whether a value says that an account is closed, such as `banned`.
pub(super) fn says_closed(value: &str) -> bool {
    let words = words(value);
    let says = |word: &String| is_form_of(word, &CLOSED) && !NO_STATUS.contains(&word.as_str());
    words.len() <= 3 && words.iter().any(says)
}

/// Whether the word is about an end that may lie in the future: `expires`, and not `expired`.
fn is_end(word: &str) -> bool {
    is_form_of(word, &["end", "expir"]) && !word.ends_with("ed")
}

fn is_until(word: &str) -> bool {
    UNTIL
        .iter()
        .any(|until| word == *until || word == format!("active{until}"))
        || (word.ends_with("until") && is_form_of(word, &TEMPORARY))
}

/// Whether the word names an action: `deletion`, and not `deleted`.
fn is_action(word: &str) -> bool {
    word.ends_with("ion") || word.ends_with("ment")
}

/// The words of a name; none if it is about something else than the account.
fn words_about_the_account(name: &str) -> Vec<String> {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let is_of_an_action = has(&OF_ACTIONS) && words.iter().any(|word| is_action(word));
    match has(&OTHERS) || is_of_an_action {
        true => Vec::new(),
        false => words,
    }
}

#[cfg(test)]
mod tests;
