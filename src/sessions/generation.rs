//! The generation of a session. A change of membership increments it, and so does a change of the account's address or
//! names, by a trigger of the database. Every cookie that names an older generation reloads the session from its row,
//! even before its `renew_after`. It is a counter and not a time, because the clocks of two replicas differ.

use diesel::prelude::*;

use super::row::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;
use crate::ids::{SessionId, UserId};

/// The latest generation of a session.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct SessionGeneration {
    /// The session.
    pub session_id: SessionId,
    /// See [`SessionRow::generation`].
    pub generation: i32,
    /// When the session's cookies expire.
    pub expires_at: Timestamp,
}

impl SessionGeneration {
    /// The latest generation of a session; `None` if there is no such session.
    pub fn of(conn: &mut Conn, id: &SessionId) -> QueryResult<Option<Self>> {
        sessions::table
            .find(id)
            .select((sessions::id, sessions::generation, sessions::expires_at))
            .first(conn)
            .optional()
    }
}

impl SessionRow {
    /// Increments the generation of a session and returns it; `None` if there is no such session.
    pub fn increment_generation(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
    ) -> QueryResult<Option<SessionGeneration>> {
        diesel::update(sessions::table.find(id))
            .set((
                sessions::generation.eq(sessions::generation + 1),
                sessions::generation_changed_at.eq(now),
            ))
            .execute(conn)?;
        SessionGeneration::of(conn, id)
    }

    /// Increments the generation of each of the user's active sessions and ends WorkOS's confirmation of
    /// them, so that the next request of each session renews it.
    pub fn require_renewal(
        conn: &mut Conn,
        user_id: UserId,
        now: Timestamp,
    ) -> QueryResult<Vec<SessionGeneration>> {
        let active = sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .filter(sessions::workos_refresh_token.is_not_null());
        diesel::update(active)
            .set((
                sessions::renew_after.eq(now),
                sessions::generation.eq(sessions::generation + 1),
                sessions::generation_changed_at.eq(now),
            ))
            .execute(conn)?;
        // A confirmation that has expired keeps its time: the grace period of an outage begins there.
        diesel::update(active.filter(sessions::confirmed_until.gt(now)))
            .set(sessions::confirmed_until.eq(now))
            .execute(conn)?;
        active
            .select((sessions::id, sessions::generation, sessions::expires_at))
            .load(conn)
    }

    /// Ends WorkOS's latest confirmation of a session, so that the next request renews it.
    pub fn discard_confirmation(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
    ) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set((
                sessions::renew_after.eq(now),
                sessions::confirmed_until.eq(now),
            ))
            .execute(conn)
    }
}
