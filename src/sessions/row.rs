//! The row of a session and its queries.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::sessions;
use crate::db::{Conn, unless_taken};

/// What the database keeps of a session.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// Sealed into the cookie.
    pub id: String,
    /// Whose.
    pub user_id: i64,
    /// SHA-256 of the attempt's `state`, in hex.
    pub login_attempt: Option<String>,
    /// WorkOS's session.
    pub workos_sid: Option<String>,
    /// WorkOS's refresh token, encrypted by [`Keys::seal_row`](crate::keys::Keys::seal_row).
    pub workos_refresh_token: Option<Vec<u8>>,
    /// Until when WorkOS has vouched for the session.
    pub confirmed_until: Option<Timestamp>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// The session's end.
    pub expires_at: Timestamp,
    /// When it was ended early.
    pub revoked_at: Option<Timestamp>,
}

/// A row to be.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession {
    /// See [`SessionRow::id`].
    pub id: String,
    /// See [`SessionRow::user_id`].
    pub user_id: i64,
    /// See [`SessionRow::login_attempt`].
    pub login_attempt: Option<String>,
    /// See [`SessionRow::workos_sid`].
    pub workos_sid: Option<String>,
    /// See [`SessionRow::workos_refresh_token`].
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::confirmed_until`].
    pub confirmed_until: Option<Timestamp>,
    /// See [`SessionRow::created_at`].
    pub created_at: Timestamp,
    /// See [`SessionRow::expires_at`].
    pub expires_at: Timestamp,
}

impl NewSession {
    /// Inserts the row; `false` when this login attempt has made a session before.
    pub fn insert(&self, conn: &mut Conn) -> QueryResult<bool> {
        let inserted = unless_taken(conn, |conn| {
            diesel::insert_into(sessions::table)
                .values(self)
                .execute(conn)
        })?;
        Ok(inserted.is_some())
    }
}

impl SessionRow {
    /// The session with this id.
    pub fn by_id(conn: &mut Conn, id: &str) -> QueryResult<Option<Self>> {
        sessions::table
            .find(id)
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// Ends a session early. Its refresh token goes at once; the row stays until its end, so that a
    /// copied cookie can be told from a good one.
    pub fn revoke(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .filter(sessions::revoked_at.is_null())
            .set(ended(now))
            .execute(conn)
    }

    /// Ends all sessions of a user early.
    pub fn revoke_all_of(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<usize> {
        Self::revoke_all_but(conn, user_id, None, now)
    }

    /// Ends all sessions of a user early, `keep` apart.
    pub fn revoke_all_but(
        conn: &mut Conn,
        user_id: i64,
        keep: Option<&str>,
        now: Timestamp,
    ) -> QueryResult<usize> {
        let others = sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::id.ne(keep.unwrap_or_default()));
        diesel::update(others)
            .filter(sessions::revoked_at.is_null())
            .set(ended(now))
            .execute(conn)
    }

    /// Ids and ends of the sessions that were ended early, at `since` or after it, and whose cookies
    /// would still be good.
    pub fn ended_since(
        conn: &mut Conn,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> QueryResult<Vec<(String, Timestamp)>> {
        let ended = sessions::table
            .filter(sessions::expires_at.gt(now))
            .select((sessions::id, sessions::expires_at));
        match since {
            Some(since) => ended.filter(sessions::revoked_at.ge(since)).load(conn),
            None => ended.filter(sessions::revoked_at.is_not_null()).load(conn),
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_null = true)]
struct Ended {
    revoked_at: Option<Timestamp>,
    workos_refresh_token: Option<Vec<u8>>,
}

fn ended(now: Timestamp) -> Ended {
    Ended {
        revoked_at: Some(now),
        workos_refresh_token: None,
    }
}
