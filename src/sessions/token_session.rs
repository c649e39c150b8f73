//! The session that a token depends on.

use diesel::QueryResult;

use super::row::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::{SessionId, WorkosSid};

/// The sessions that a token depends on, as its row names them.
#[derive(Clone, Copy, Debug)]
pub struct TokenSession<'a> {
    /// The browser session of the sign-in.
    pub id: Option<&'a SessionId>,
    /// The WorkOS session of the sign-in.
    pub sid: Option<&'a WorkosSid>,
}

impl TokenSession<'_> {
    /// The id of the browser session, or else of the active session of the WorkOS session.
    pub fn current_id(&self, conn: &mut Conn, now: Timestamp) -> QueryResult<Option<SessionId>> {
        match (self.id, self.sid) {
            (Some(id), _) => Ok(Some(id.clone())),
            (None, Some(sid)) => SessionRow::active_of_sid(conn, sid, now),
            (None, None) => Ok(None),
        }
    }
}
