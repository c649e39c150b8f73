//! The audit trail: which event is recorded for which request, and what no event holds.

mod accounts;
mod failures;
mod retention;
mod sign_in;
mod sign_out;

use diesel::prelude::*;
use serde_json::Value;
use vestibule::audit::AuditEventRow;
use vestibule::db::schema::audit_events;
use vestibule::db::{Database, DbError};

use crate::support::app::TestApp;

/// Every event, the oldest first.
pub(crate) fn events(app: &TestApp) -> Vec<AuditEventRow> {
    events_of(&app.database)
}

/// The same for the database of an app that has stopped.
pub(crate) fn events_of(database: &Database) -> Vec<AuditEventRow> {
    let all = audit_events::table.order(audit_events::id);
    let all = all.select(AuditEventRow::as_select());
    database
        .read_blocking(|conn| all.load(conn).map_err(DbError::from))
        .expect("the events can be read")
}

/// The names of all events, the oldest first.
fn names(app: &TestApp) -> Vec<String> {
    events(app).into_iter().map(|row| row.event).collect()
}

/// The only event of this name.
fn only(app: &TestApp, name: &str) -> AuditEventRow {
    let mut named = events(app);
    named.retain(|row| row.event == name);
    assert_eq!(named.len(), 1, "one {name}: {named:?}");
    named.remove(0)
}

/// The detail of an event.
pub(crate) fn detail(row: &AuditEventRow) -> Value {
    serde_json::from_str(&row.detail).expect("a JSON object")
}
