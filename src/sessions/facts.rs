//! What a session knows besides its user: the organisation, the role, and what else WorkOS says. The cookie holds
//! identity alone, because these outgrow it.

use diesel::prelude::*;

use super::row::SessionRow;
use crate::db::Conn;
use crate::db::schema::sessions;
use crate::ids::{OrganizationId, SessionId, UserId, WorkosSid};
use crate::workos_facts::WorkosFacts;

/// What a session knows besides its user. Empty without a WorkOS session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionFacts {
    /// The organisation of the session.
    pub organization_id: Option<OrganizationId>,
    /// The user's role in the organisation.
    pub role: Option<String>,
    /// What else WorkOS says.
    pub workos: WorkosFacts,
}

type FactsRow = (
    UserId,
    Option<WorkosSid>,
    Option<OrganizationId>,
    Option<String>,
    Option<String>,
);

impl SessionFacts {
    /// Reads the facts of a session of this user, and WorkOS's id of it; `None` if there is no such session.
    pub fn of(
        conn: &mut Conn,
        id: &SessionId,
        user_id: UserId,
    ) -> QueryResult<Option<(Self, Option<WorkosSid>)>> {
        let row: Option<FactsRow> = sessions::table
            .find(id)
            .select((
                sessions::user_id,
                sessions::workos_sid,
                sessions::organization_id,
                sessions::role,
                sessions::workos_facts,
            ))
            .first(conn)
            .optional()?;
        let row = row.filter(|(owner, ..)| *owner == user_id);
        Ok(row.map(|(_, sid, organization_id, role, json)| {
            let workos = WorkosFacts::from_json(json.as_deref());
            let facts = Self {
                organization_id,
                role,
                workos,
            };
            (facts, sid)
        }))
    }

    /// Whether a renewal changes what is stored of a session. Must be called before the renewal is stored.
    pub fn would_change(&self, conn: &mut Conn, row: &SessionRow) -> QueryResult<bool> {
        let stored = Self::of(conn, &row.id, row.user_id)?;
        Ok(stored.is_some_and(|(stored, _)| stored != *self))
    }
}
