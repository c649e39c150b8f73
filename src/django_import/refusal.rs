//! Rows that are not imported, and the reasons.

use std::fmt;

use crate::ids::UserId;

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
    /// The email is invalid.
    BadEmail(&'static str),
    /// Another account has the email, compared without case.
    EmailTaken,
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
        f.write_str(match self {
            Self::KeyNotInteger => "key is no integer",
            Self::KeyOutOfRange => "key out of range",
            Self::NoKey => "no key",
            Self::DeletedHere => "account was deleted here since",
            Self::IdTaken => "id belongs to another account",
            Self::BadEmail(problem) => problem,
            Self::EmailTaken => "email belongs to another account",
            Self::UsernameTaken => "username belongs to another account",
            Self::BadWorkosId => "WorkOS id with spaces or control characters",
            Self::WorkosIdTaken => "WorkOS user is linked to another account",
            Self::UnreadableTime => "time that cannot be read",
            Self::NotBoolean => "flag that is neither true nor false",
            Self::Nul => "NUL character",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::NoJti => "token without a jti",
        })
    }
}

impl RefusalReason {
    /// What the operator can do, if that is not plain.
    pub(super) fn advice(self) -> Option<&'static str> {
        match self {
            Self::EmailTaken => Some(
                "of each two accounts, close one in Django or change its email there, and import again",
            ),
            _ => None,
        }
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
}

impl RefusedRow {
    pub(super) fn new(id: impl fmt::Display, reason: RefusalReason) -> Self {
        Self {
            id: id.to_string(),
            reason,
            other: None,
        }
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
        match self.other {
            Some(other) if other == UserId::default() => {
                write!(f, "{} (by another row)", self.id)
            }
            Some(other) => write!(f, "{} (by {other})", self.id),
            None => f.write_str(&self.id),
        }
    }
}
