//! Rows that are not imported, and the reasons.

use std::fmt;

use crate::ids::UserId;

/// What a line of the report counts, in the plural and in the singular.
pub type CountLabel = (&'static str, &'static str);

/// Why a row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalReason {
    /// The key is not an integer, in a column of integers.
    KeyNotInteger,
    /// The key is below 1, or so high that no ids are left for new accounts, or a text that is too long.
    KeyOutOfRange,
    /// There is no key.
    NoKey,
    /// The row was imported before, and its account has been deleted here.
    DeletedHere,
    /// Another person's account has the id.
    IdTaken,
    /// The account with this key was imported from another table.
    OfOtherTable,
    /// Nothing shows that the row is the person whose account was imported with this key.
    Unproven,
    /// The email is invalid.
    BadEmail(&'static str),
    /// Another account has the email, compared without case.
    EmailTaken,
    /// Another account has the email of one that is closed in Django.
    EmailOfClosed,
    /// Another account has the username.
    UsernameTaken,
    /// The WorkOS id is invalid.
    BadWorkosId,
    /// Another account is linked to this WorkOS user.
    WorkosIdTaken,
    /// A time cannot be parsed.
    UnreadableTime,
    /// A boolean is neither true nor false.
    NotBoolean,
    /// A text contains NUL, which PostgreSQL cannot store.
    Nul,
    /// A text is not UTF-8.
    NotUtf8,
    /// The token has no `jti`.
    NoJti,
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label().1)
    }
}

impl RefusalReason {
    /// The reason for several rows, and for one.
    pub(super) fn label(self) -> CountLabel {
        match self {
            Self::KeyNotInteger => ("keys that are no integers", "key is no integer"),
            Self::KeyOutOfRange => ("keys out of range", "key out of range"),
            Self::NoKey => ("rows without a key", "no key"),
            Self::DeletedHere => (
                "accounts were deleted here since",
                "account was deleted here since",
            ),
            Self::IdTaken => (
                "ids belong to another account",
                "id belongs to another account",
            ),
            Self::OfOtherTable => (
                "keys of accounts that were imported from another table",
                "key of an account that was imported from another table",
            ),
            Self::Unproven => (
                "rows that share nothing but the key with the account imported before, so that they may be other people",
                "row that shares nothing but the key with the account imported before, so that it may be another person",
            ),
            Self::BadEmail(problem) => (several_emails(problem), problem),
            Self::EmailTaken => (
                "emails belong to another account",
                "email belongs to another account",
            ),
            Self::EmailOfClosed => (
                "closed accounts whose emails belong to another account",
                "closed account whose email belongs to another account",
            ),
            Self::UsernameTaken => (
                "usernames belong to another account",
                "username belongs to another account",
            ),
            Self::BadWorkosId => (
                "WorkOS ids with spaces or control characters",
                "WorkOS id with spaces or control characters",
            ),
            Self::WorkosIdTaken => (
                "WorkOS users are linked to another account",
                "WorkOS user is linked to another account",
            ),
            Self::UnreadableTime => ("times that cannot be read", "time that cannot be read"),
            Self::NotBoolean => (
                "flags that are neither true nor false",
                "flag that is neither true nor false",
            ),
            Self::Nul => ("texts with a NUL character", "text with a NUL character"),
            Self::NotUtf8 => ("texts that are not UTF-8", "text that is not UTF-8"),
            Self::NoJti => ("tokens without a jti", "token without a jti"),
        }
    }

    /// What the operator can do, if that is not plain.
    pub(super) fn advice(self) -> Option<&'static str> {
        match self {
            Self::EmailTaken => Some(
                "of each two accounts, close one in Django or change its email there, and import again",
            ),
            Self::OfOtherTable => Some(
                "if it is the same table under a new name, import with --renamed-from OLD_NAME",
            ),
            Self::Unproven => Some(
                "name the column with the time at which each account was created: --column date_joined=NAME; or, if it \
                 is the same person, restore the earlier email in Django and import again",
            ),
            _ => None,
        }
    }
}

/// A problem of an email, as [`email_problem`](crate::accounts::email_problem) tells it, for several of them.
fn several_emails(problem: &'static str) -> &'static str {
    match problem {
        "no email" => "rows without an email",
        "email without @" => "emails without @",
        "email of more than 254 characters" => "emails of more than 254 characters",
        "email with spaces or control characters" => "emails with spaces or control characters",
        other => other,
    }
}

/// A row that was refused, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The row's key, fit for display.
    pub id: String,
    /// Why it was refused.
    pub reason: RefusalReason,
    /// The account that it conflicts with; 0 if a dry run has inserted none.
    pub other: Option<UserId>,
    /// The table from which the account with its key was imported, if it is another one.
    pub table: Option<String>,
}

impl RefusedRow {
    pub(super) fn new(id: impl fmt::Display, reason: RefusalReason) -> Self {
        Self {
            id: id.to_string(),
            reason,
            other: None,
            table: None,
        }
    }

    /// The refusal of a row whose email another account has.
    pub(super) fn email_taken(id: impl fmt::Display, is_active: bool) -> Self {
        let reason = match is_active {
            true => RefusalReason::EmailTaken,
            false => RefusalReason::EmailOfClosed,
        };
        Self::new(id, reason)
    }

    /// The refusal of a row whose key's account was imported from this table.
    pub(super) fn of_table(self, table: Option<String>) -> Self {
        Self { table, ..self }
    }

    pub(super) fn conflicting_with(self, other: UserId) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            return write!(f, "{} (of {})", self.id, table.escape_debug());
        }
        match self.other {
            Some(other) if other == UserId::default() => {
                write!(f, "{} (by another row)", self.id)
            }
            Some(other) => write!(f, "{} (by {other})", self.id),
            None => f.write_str(&self.id),
        }
    }
}
