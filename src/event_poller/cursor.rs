//! Up to which event WorkOS's Events API was read.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::workos_event_cursor;
use crate::workos::webhook::WebhookMessage;

/// The id of the table's only row.
const ROW: i32 = 1;

/// The row of `workos_event_cursor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = workos_event_cursor, treat_none_as_null = true)]
pub(super) struct EventCursor {
    /// The last event that was read; `None` if WorkOS had none yet, or does not know it any more.
    pub(super) event_id: Option<String>,
    /// When WorkOS created that event.
    pub(super) event_created_at: Option<Timestamp>,
}

impl EventCursor {
    /// The cursor after this event has been read.
    pub(super) fn after(&self, message: &WebhookMessage) -> Self {
        Self {
            event_id: Some(message.id.clone()),
            event_created_at: message.created_at().or(self.event_created_at),
        }
    }

    /// Reads the row; `None` before the first reading of events.
    pub(super) fn read(conn: &mut Conn) -> QueryResult<Option<Self>> {
        let row = workos_event_cursor::table.find(ROW);
        row.select(Self::as_select()).first(conn).optional()
    }

    /// Writes the row.
    pub(super) fn write(&self, conn: &mut Conn) -> QueryResult<()> {
        let row = diesel::update(workos_event_cursor::table.find(ROW));
        if row.set(self).execute(conn)? == 0 {
            let new = (
                workos_event_cursor::id.eq(ROW),
                workos_event_cursor::event_id.eq(&self.event_id),
                workos_event_cursor::event_created_at.eq(self.event_created_at),
            );
            diesel::insert_into(workos_event_cursor::table)
                .values(new)
                .execute(conn)?;
        }
        Ok(())
    }
}
