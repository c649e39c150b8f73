//! The audit trail: who signed in, failed to, or changed what, when, from where and why.
//!
//! Each event is a row of `audit_events` and a line of the log with the target `vestibule::audit`. A
//! change records its event in its own transaction, with [`AuditEvent::record`].
//!
//! A failure changes nothing and can be caused by anybody, so it is counted in memory with
//! [`FailureCounter::count`] and written once a minute, in a limited number of rows. No event holds a
//! secret: no password, code or token, and no email address of an unknown account, which may be a
//! password typed into the wrong field.

mod columns;
mod event;
mod failures;
mod row;

pub use event::{AuditEvent, ChangedBy, RefusedKey, RevocationReason};
pub use failures::FailureCounter;
pub use row::{AuditEventRow, delete_old_events, nth_last_sign_in};
