//! Names of columns that may say which accounts are closed.

/// Names of columns that say that an account is open, with or without the prefixes and endings below.
const ACTIVE_NAMES: [&str; 4] = ["active", "approved", "enabled", "isactive"];
/// Names of columns with the time at which an account ends, with or without the prefixes and endings.
const END_NAMES: [&str; 4] = ["expiration", "expire", "expires", "expiry"];
/// The endings that make such a name of `valid` and of the names of open accounts.
const UNTIL: [&str; 4] = ["_until", "_till", "_through", "_to"];
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

pub(super) fn may_be_active(name: &str) -> bool {
    let is_active = ACTIVE_NAMES.contains(&without_ending(without_prefix(&name.to_lowercase())));
    is_active && !may_have_an_end(name)
}

pub(super) fn may_be_closed(name: &str) -> bool {
    CLOSED_NAMES.contains(&without_ending(without_prefix(&name.to_lowercase())))
}

/// Whether the column may have the time until which an account is open.
pub(super) fn may_have_an_end(name: &str) -> bool {
    let lower = name.to_lowercase();
    let name = without_prefix(&lower);
    let mut endings = UNTIL.iter();
    let stem = endings.find_map(|ending| name.strip_suffix(ending));
    stem.is_some_and(|stem| stem == "valid" || ACTIVE_NAMES.contains(&stem))
        || END_NAMES.contains(&without_ending(name))
}

pub(super) fn may_have_words(name: &str) -> bool {
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
            "expired_at",
            "suspended_by_id",
        ] {
            assert!(may_be_closed(name) && !may_be_active(name), "{name}");
        }
        for name in [
            "active_until",
            "Valid_Until",
            "account_valid_to",
            "enabled_through",
            "expires",
            "expires_at",
            "expiration_date",
            "user_expires_on",
            "date_expiry",
        ] {
            let asks_otherwise = may_be_active(name) || may_be_closed(name);
            assert!(may_have_an_end(name) && !asks_otherwise, "{name}");
        }
        for name in ["status", "State", "account_status", "user_state"] {
            assert!(may_have_words(name), "{name}");
        }
        for name in [
            "email",
            "date_joined",
            "created_at",
            "estate",
            "is_staff",
            "is_valid",
            "token_expires_at",
        ] {
            let flags = may_be_closed(name) || may_be_active(name);
            let asks = flags || may_have_words(name) || may_have_an_end(name);
            assert!(!asks, "{name}");
        }
    }
}
