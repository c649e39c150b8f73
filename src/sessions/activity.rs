//! The last use of a session, for `SESSION_IDLE_TIMEOUT`.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::row::{SessionRow, revocation};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;
use crate::ids::SessionId;

/// The use of a session is recorded at most this many times in the length of the time-out, so that few
/// requests write. A session may therefore end a tenth of the time-out early, and never late.
const RECORDS: i32 = 10;

/// The time-out of unused sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimeout(pub TimeDelta);

impl IdleTimeout {
    /// Whether a cookie that was compared with its row at `checked_at` is to be compared again, which
    /// records the use of the session.
    pub fn is_check_due(self, checked_at: Option<Timestamp>, now: Timestamp) -> bool {
        checked_at.is_none_or(|checked_at| now >= checked_at.plus(self.0 / RECORDS))
    }

    /// Whether the session has not been used for the length of the time-out.
    pub fn is_over(self, row: &SessionRow, now: Timestamp) -> bool {
        now >= row.last_used_at().plus(self.0)
    }

    /// Whether the use of the session at `now` is to be recorded.
    pub fn is_record_due(self, row: &SessionRow, now: Timestamp) -> bool {
        let last_used_at = row.last_used_at();
        now >= last_used_at.plus(self.0 / RECORDS) || last_used_at.is_from_future(now)
    }
}

impl SessionRow {
    /// The last recorded use of the session.
    pub fn last_used_at(&self) -> Timestamp {
        self.last_seen_at.unwrap_or(self.created_at)
    }

    /// Records that the session is in use.
    pub fn record_use(conn: &mut Conn, id: &SessionId, now: Timestamp) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::last_seen_at.eq(now))
            .execute(conn)
    }

    /// Revokes the session unless it was used since `row` was read. Returns `false` if it was, or if it
    /// was revoked before.
    pub fn revoke_unused(&self, conn: &mut Conn, now: Timestamp) -> QueryResult<bool> {
        let open = sessions::table
            .find(&self.id)
            .filter(sessions::revoked_at.is_null());
        let revocation = revocation(now);
        let revoked = match self.last_seen_at {
            Some(seen_at) => diesel::update(open.filter(sessions::last_seen_at.eq(seen_at)))
                .set(revocation)
                .execute(conn)?,
            None => diesel::update(open.filter(sessions::last_seen_at.is_null()))
                .set(revocation)
                .execute(conn)?,
        };
        Ok(revoked > 0)
    }
}
