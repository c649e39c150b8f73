//! Marks: after one, every cookie of the session looks at the row, however long WorkOS's word for it
//! would hold. They are counted rather than dated, since two replicas' clocks differ, and a cookie
//! that has followed the latest one looks no more.

use diesel::prelude::*;

use super::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;

/// A session whose cookies are to look at its row.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Mark {
    /// The session.
    pub session_id: String,
    /// See [`SessionRow::marks`].
    pub marks: i32,
    /// When its cookies end by themselves.
    pub expires_at: Timestamp,
}

impl SessionRow {
    /// Marks a session. Gives the mark, `None` where there is no such session.
    pub fn mark(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<Option<Mark>> {
        diesel::update(sessions::table.find(id))
            .set((
                sessions::marks.eq(sessions::marks + 1),
                sessions::marked_at.eq(now),
            ))
            .execute(conn)?;
        sessions::table
            .find(id)
            .select((sessions::id, sessions::marks, sessions::expires_at))
            .first(conn)
            .optional()
    }

    /// Takes back what WorkOS has confirmed of a user's sessions, and marks them: each is renewed at
    /// its next request.
    pub fn ask_to_renew(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<Vec<Mark>> {
        let open = sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .filter(sessions::workos_refresh_token.is_not_null());
        diesel::update(open)
            .set((
                sessions::renew_after.eq(now),
                sessions::marks.eq(sessions::marks + 1),
                sessions::marked_at.eq(now),
            ))
            .execute(conn)?;
        // A word that has ended already stays so: the grace of an outage is counted from there.
        diesel::update(open.filter(sessions::confirmed_until.gt(now)))
            .set(sessions::confirmed_until.eq(now))
            .execute(conn)?;
        open.select((sessions::id, sessions::marks, sessions::expires_at))
            .load(conn)
    }

    /// Takes back what WorkOS has just confirmed of a session.
    pub fn take_back(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set((
                sessions::renew_after.eq(now),
                sessions::confirmed_until.eq(now),
            ))
            .execute(conn)
    }

    /// The sessions that were marked at `since` or after it, and whose cookies would still be good.
    pub(super) fn marked_since(
        conn: &mut Conn,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> QueryResult<Vec<Mark>> {
        let good = sessions::table
            .filter(sessions::expires_at.gt(now))
            .filter(sessions::revoked_at.is_null())
            .select((sessions::id, sessions::marks, sessions::expires_at));
        match since {
            Some(since) => good.filter(sessions::marked_at.ge(since)).load(conn),
            None => good.filter(sessions::marked_at.is_not_null()).load(conn),
        }
    }
}
