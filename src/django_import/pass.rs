//! The passes of an import over the user table.

use super::source::UserRows;

/// The user table is read three times, so that an active account gets an email that it shares with a
/// closed one, whatever their ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImportPass {
    /// Closed accounts that were imported before. Those that were closed since then give up their email.
    ClosedKnown,
    /// Accounts that are open.
    Open,
    /// Closed accounts that were not imported before.
    ClosedNew,
}

impl ImportPass {
    pub(super) const ALL: [Self; 3] = [Self::ClosedKnown, Self::Open, Self::ClosedNew];

    /// The rows that the pass reads.
    pub(super) fn rows(self) -> UserRows {
        match self {
            Self::Open => UserRows::Open,
            Self::ClosedKnown | Self::ClosedNew => UserRows::Closed,
        }
    }

    /// Whether the pass imports a row that was, or was not, imported before.
    pub(super) fn takes(self, is_known: bool) -> bool {
        match self {
            Self::ClosedKnown => is_known,
            Self::Open => true,
            Self::ClosedNew => !is_known,
        }
    }
}
