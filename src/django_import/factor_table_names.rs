//! Names of tables of second factors.

use super::factor_names::{FactorColumn, is_ambiguous, is_called_secret, names_factor};
use super::words::words;
use crate::db::source::Column;

/// Ends of words of tables that only belong to factors: handles of accounts, which are made before the first key, and
/// records of their use.
const BESIDE_TABLES: [&str; 16] = [
    "attempt",
    "attempts",
    "audit",
    "challenge",
    "challenges",
    "event",
    "events",
    "exemption",
    "fallback",
    "history",
    "log",
    "logs",
    "session",
    "sessions",
    "throttle",
    "userhandle",
];
/// Words of tables and columns of second factors, beside the name of an application that may be about something else.
const OF_FACTORS: [&str; 26] = [
    "account",
    "app",
    "code",
    "codes",
    "confirmed",
    "credential",
    "credentials",
    "device",
    "devices",
    "enrollment",
    "enrolment",
    "factor",
    "key",
    "keys",
    "method",
    "methods",
    "phone",
    "registration",
    "seed",
    "setting",
    "settings",
    "setup",
    "token",
    "tokens",
    "user",
    "users",
];

/// What the name of a table says about second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactorTableName {
    /// Its rows are second factors.
    Factors,
    /// Only its first word says so, which may be the name of an application about something else, such as `duo_order`.
    OfApplication,
}

impl FactorTableName {
    /// What the name says; `None` if it is about something else. `users`: the name of the user table, whose application
    /// is one about users, whatever it is called.
    pub(super) fn of(table: &str, users: &str) -> Option<Self> {
        let lists = ["_groups", "_user_permissions"];
        if lists
            .iter()
            .any(|list| table.strip_suffix(list) == Some(users))
        {
            return None;
        }
        let application = users.rsplit_once('_').map(|(application, _)| application);
        let own = application.and_then(|name| table.strip_prefix(name)?.strip_prefix('_'));
        let words = words(own.unwrap_or(table));
        let is_beside = |word: &String| BESIDE_TABLES.iter().any(|end| word.ends_with(end));
        // Only what follows the factor says what the rows are: before it stands the application, such as `events` or
        // `catalog`.
        let named = (1..=words.len()).find(|end| names_factor(&words[..*end]))?;
        if words[named - 1..].iter().any(is_beside) {
            return None;
        }
        Some(match words.split_first() {
            Some((first, rest))
                if own.is_none()
                    && !rest.is_empty()
                    && is_ambiguous(first)
                    && !names_factor(rest)
                    && !rest.iter().any(|word| OF_FACTORS.contains(&word.as_str())) =>
            {
                Self::OfApplication
            }
            _ => Self::Factors,
        })
    }

    /// Whether the rows of the table are second factors. If only the name of its application says so, a column has to
    /// confirm it.
    pub(super) fn holds_factors(self, columns: &[Column]) -> bool {
        let confirms = |column: &Column| {
            let words = words(&column.name);
            FactorColumn::of(&column.name).is_some()
                || is_called_secret(&column.name)
                || ["confirmed", "credential", "device", "key", "keys"]
                    .iter()
                    .any(|wanted| words.iter().any(|word| word == wanted))
        };
        self == Self::Factors || columns.iter().any(confirms)
    }
}

/// Whether the rows of a table may be second factors, by its name. `users`: the name of the user table.
pub(super) fn may_hold_factors(table: &str, users: &str) -> bool {
    FactorTableName::of(table, users).is_some()
}

#[cfg(test)]
mod tests;
