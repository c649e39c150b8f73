//! What went wrong on a connection, as its statements report it, whatever the queries make of the errors.

use std::sync::atomic::{AtomicU8, Ordering};

use diesel::connection::InstrumentationEvent;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError};

/// Kinds of failure, combined as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults(u8);

impl Faults {
    /// The connection has ended.
    pub(super) const CLOSED: Self = Self(1);
    /// The server only allows reading, as a standby does.
    pub(super) const READ_ONLY: Self = Self(2);
    /// Another transaction was in the way: a deadlock or a serialization failure. The same transaction can
    /// succeed if it runs again.
    pub(super) const CONFLICT: Self = Self(4);
    /// The server failed for a reason that Diesel does not tell, such as a full disk, a timeout or a missing table.
    pub(super) const OTHER: Self = Self(8);

    /// In addition to `OTHER`: the server tells no more than a message in its own language, as if a statement has waited
    /// too long for a lock, for which Diesel has no kind.
    pub(super) const UNEXPLAINED: Self = Self(16);

    /// Whether any of these happened.
    pub(super) fn any_of(self, kinds: Self) -> bool {
        self.0 & kinds.0 != 0
    }

    /// Either of the two.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn of(error: &QueryError) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            QueryError::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _)
            | QueryError::BrokenTransactionManager => Self::CLOSED,
            QueryError::DatabaseError(Kind::ReadOnlyTransaction, _) => Self::READ_ONLY,
            QueryError::DatabaseError(Kind::SerializationFailure, _) => Self::CONFLICT,
            QueryError::DatabaseError(Kind::Unknown, info) if is_deadlock(&**info) => {
                Self::CONFLICT
            }
            QueryError::DatabaseError(Kind::Unknown, info) if is_unexplained(&**info) => {
                Self::OTHER.or(Self::UNEXPLAINED)
            }
            QueryError::DatabaseError(Kind::Unknown, _) => Self::OTHER,
            _ => Self::default(),
        }
    }
}

/// Whether it is PostgreSQL's report of a deadlock, for which Diesel has no kind. Only this error names kinds of locks,
/// such as `ShareLock`, in its details, and they are the same in every language of the server.
fn is_deadlock(info: &dyn DatabaseErrorInformation) -> bool {
    let details = info.details().unwrap_or_default();
    ["ShareLock", "ExclusiveLock"]
        .iter()
        .any(|kind| details.contains(kind))
}

/// PostgreSQL adds details or a hint to most errors that a retry does not help, such as a full disk.
fn is_unexplained(info: &dyn DatabaseErrorInformation) -> bool {
    info.details().is_none() && info.hint().is_none()
}

/// The failures of one connection since they were last taken.
#[derive(Debug, Default)]
pub(super) struct FaultRecord(AtomicU8);

impl FaultRecord {
    /// Notes the error of a finished statement.
    pub(super) fn observe(&self, event: &InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery {
            error: Some(error), ..
        } = event
        {
            self.0.fetch_or(Faults::of(error).0, Ordering::Relaxed);
        }
    }

    /// The failures so far.
    pub(super) fn get(&self) -> Faults {
        Faults(self.0.load(Ordering::Relaxed))
    }

    /// Forgets the failures so far, but for these.
    pub(super) fn keep_only(&self, kinds: Faults) {
        self.0.fetch_and(kinds.0, Ordering::Relaxed);
    }
}
