//! Names of columns that may say which accounts are closed. The words of a name are compared with the beginnings of
//! words in all their forms, since a question too many costs little, and a closed account that is opened much.

/// The beginnings of words that say that an account is open.
const OPEN: [&str; 3] = ["activ", "approv", "enabl"];
/// The beginnings of words that say that an account is closed.
const CLOSED: [&str; 32] = [
    "anonymi",
    "archiv",
    "ban",
    "blacklist",
    "block",
    "cancel",
    "clos",
    "deactivat",
    "delet",
    "disabl",
    "end",
    "expir",
    "freez",
    "froz",
    "inactiv",
    "leav",
    "left",
    "lock",
    "lockout",
    "reject",
    "remov",
    "resign",
    "retir",
    "revok",
    "suspen",
    "suspend",
    "terminat",
    "trash",
    "unapprov",
    "unsubscrib",
    "withdraw",
    "withdrawn",
];
/// What follows these beginnings in a word.
const FORMS: [&str; 35] = [
    "", "al", "ated", "ate", "ation", "d", "e", "ed", "en", "ellation", "es", "ing", "ion",
    "lation", "led", "ling", "ment", "ement", "ned", "ning", "or", "out", "s", "sed", "sation",
    "sion", "ure", "y", "ve", "zation", "ze", "zed", "se", "zing", "ted",
];
/// Words that begin a name of which an account may be open until that time.
const UNTIL: [&str; 4] = ["until", "till", "through", "thru"];
/// The words before `to` that make an end of it, besides those of open accounts.
const VALID: [&str; 2] = ["valid", "validity"];
/// Verbs of a permission.
const MAY: [&str; 6] = ["allow", "allowed", "can", "has", "may", "permitted"];
/// What such a permission is for.
const LOGIN: [&str; 5] = ["access", "log", "login", "signin", "sign"];
/// Words of columns that are about something else than the account.
const OTHERS: [&str; 23] = [
    "2fa",
    "attempts",
    "code",
    "count",
    "email",
    "emails",
    "hash",
    "key",
    "link",
    "mfa",
    "newsletter",
    "notification",
    "notifications",
    "otp",
    "password",
    "phone",
    "push",
    "secret",
    "sms",
    "token",
    "totp",
    "url",
    "version",
];
/// Names of columns with words that may say that an account is closed, with or without the prefixes.
const WORD_NAMES: [&str; 2] = ["state", "status"];
/// The beginnings that these names may have.
const PREFIXES: [&str; 6] = ["is_", "has_been_", "date_", "account_", "user_", "was_"];

pub(super) fn may_be_active(name: &str) -> bool {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let is_permission = has(&MAY) && has(&LOGIN);
    let says_open = words.iter().any(|word| is_form_of(word, &OPEN));
    (says_open || is_permission)
        && !has(&["last", "non", "not"])
        && !may_be_closed(name)
        && !may_have_an_end(name)
}

pub(super) fn may_be_closed(name: &str) -> bool {
    let words = words(name);
    let is_negated = words.iter().any(|word| word == "not" || word == "non");
    let says_open = || words.iter().any(|word| is_form_of(word, &OPEN));
    let says_closed = |word: &String| is_form_of(word, &CLOSED) && !is_end(word);
    words.iter().any(says_closed) || (is_negated && says_open())
}

/// Whether the column may have the time until which an account is open.
pub(super) fn may_have_an_end(name: &str) -> bool {
    let words = words(name);
    if words.iter().any(|word| is_form_of(word, &["end", "expir"])) {
        return true;
    }
    let says_closed = |word: &&String| is_form_of(word, &CLOSED);
    if let Some(word) = words.iter().find(says_closed) {
        // A planned end, such as termination_date.
        return (word.ends_with("ion") || word.ends_with("ment"))
            && words
                .iter()
                .any(|word| ["at", "date", "on", "time"].contains(&word.as_str()));
    }
    let is_until = |word: &String| UNTIL.contains(&word.as_str());
    let is_valid_to = words.windows(2).any(|pair| match pair {
        [first, to] if to == "to" => VALID.contains(&first.as_str()) || is_form_of(first, &OPEN),
        _ => false,
    });
    words.iter().any(is_until) || is_valid_to
}

pub(super) fn may_have_words(name: &str) -> bool {
    let lower = name.to_lowercase();
    let mut name = lower.as_str();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    WORD_NAMES.contains(&name)
}

/// Whether the word is about an end that may lie in the future: `expires`, and not `expired`.
fn is_end(word: &str) -> bool {
    is_form_of(word, &["end", "expir"]) && !word.ends_with("ed")
}

/// Whether the word is one of these beginnings in one of its forms.
fn is_form_of(word: &str, beginnings: &[&str]) -> bool {
    let is_form = |word: &str| {
        let mut rests = beginnings
            .iter()
            .filter_map(|start| word.strip_prefix(start));
        rests.any(|rest| FORMS.contains(&rest))
    };
    is_form(word) || word.strip_prefix("is").is_some_and(is_form)
}

/// The words of a name in lower case: `is_deleted`, `isDeleted`. None if the name is about something else than the
/// account.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (was_lower && letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    match words.iter().any(|word| OTHERS.contains(&word.as_str())) {
        true => Vec::new(),
        false => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flags_are_recognized() {
        for name in "active Enabled is_enabled is_approved approved_at enable is_enable is_activated activated \
             can_login login_allowed isActive isactive activation_date".split(' ') {
            assert!(may_be_active(name) && !may_be_closed(name), "{name}");
        }
        for name in "is_deleted deleted deleted_at DISABLED is_banned date_removed locked_on account_locked \
             is_account_frozen blocked_until expired_at suspended_by_id is_delete is_block is_lock \
             is_ban is_disable disable is_archive is_suspend soft_deleted is_soft_deleted is_deactivate \
             is_retired login_disabled is_blacklisted cancelled_at delete_at delete_time deletion_date \
             deactivation_date termination_date ban_date ban_until lock_until left_on anonymized_at \
             anonymised_at inactive is_not_active isDeleted isdeleted canceled cancellation_date \
             leaving_date suspension_reason ended_at lockout closed rejected revoked terminated trashed".split(' ') {
            assert!(may_be_closed(name) && !may_be_active(name), "{name}");
        }
        for name in "active_until Valid_Until account_valid_to enabled_through expires expires_at \
             expiration_date user_expires_on date_expiry end_date membership_until membership_expires \
             access_until access_expires expire_time end_at validity_to".split(' ') {
            let asks_otherwise = may_be_active(name) || may_be_closed(name);
            assert!(may_have_an_end(name) && !asks_otherwise, "{name}");
        }
        for name in "expired_at ended_on termination_date retirement_date".split(' ') {
            assert!(may_have_an_end(name) && may_be_closed(name), "{name}");
        }
        for name in "status State account_status user_state".split(' ') {
            assert!(may_have_words(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_asked_about() {
        for name in "email date_joined created_at estate is_staff is_valid token_expires_at weekend last_login \
             last_active last_activity gender urban banner locale location clock endpoint friend_id \
             activation_key totp_enabled email_blocked is_superuser username password first_name \
             calendar blockchain leftover island password_expires_at has_accessory address_to".split(' ') {
            let flags = may_be_closed(name) || may_be_active(name);
            let asks = flags || may_have_words(name) || may_have_an_end(name);
            assert!(!asks, "{name}");
        }
    }
}
