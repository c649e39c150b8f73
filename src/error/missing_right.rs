//! A right that a request needs and a session does not have.

use std::fmt;

/// A right that the user does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingRight {
    /// A permission of a role at WorkOS.
    Permission(String),
    /// A role in the session's organisation.
    Role(String),
    /// An organisation, by its id at WorkOS.
    Organization(String),
    /// Django's flag `is_staff`.
    Staff,
    /// Django's flag `is_superuser`.
    Superuser,
    /// A proxy requires something by a parameter with this name, which is not known. Nobody has it.
    Unknown(String),
}

impl fmt::Display for MissingRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(name) => write!(f, "the permission {name:?}"),
            Self::Role(name) => write!(f, "the role {name:?}"),
            Self::Organization(id) => write!(f, "the organisation {id:?}"),
            Self::Staff => f.write_str("the right of staff"),
            Self::Superuser => f.write_str("the right of superusers"),
            Self::Unknown(name) => write!(f, "an unknown right ({name:?})"),
        }
    }
}
