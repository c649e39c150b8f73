//! The row of a session and its queries.

use chrono::TimeDelta;
use diesel::dsl::exists;
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
    /// The organisation that it is in.
    pub organization_id: Option<String>,
    /// The user's role there.
    pub role: Option<String>,
    /// From when on WorkOS is asked again; `None`: nobody has asked since the sign-in.
    pub renew_after: Option<Timestamp>,
    /// Until when whoever is asking keeps the others from it.
    pub renewing_until: Option<Timestamp>,
    /// How often in a row WorkOS could not be reached.
    pub renewal_failures: i32,
    /// How often every cookie of the session was asked to look here; a cookie names the mark that it
    /// has followed.
    pub marks: i32,
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
    /// See [`SessionRow::organization_id`].
    pub organization_id: Option<String>,
    /// See [`SessionRow::role`].
    pub role: Option<String>,
    /// The address that the person signed in from.
    pub ip_address: Option<String>,
    /// The browser, by [`kept_user_agent`](super::kept_user_agent).
    pub user_agent: Option<String>,
    /// The e-mail of whoever acts for the person, where it is not they themselves.
    pub impersonator: Option<String>,
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

    /// Whether this session of WorkOS's has been ended here. Where the browser signed in again on the
    /// same one, the first row has ended and the next lives on.
    pub fn is_over(conn: &mut Conn, sid: &str) -> QueryResult<bool> {
        let of_sid = sessions::table.filter(sessions::workos_sid.eq(sid));
        let open = of_sid.filter(sessions::revoked_at.is_null());
        let (known, open): (bool, bool) =
            diesel::select((exists(of_sid), exists(open))).get_result(conn)?;
        Ok(known && !open)
    }

    /// The session with this id, if it is open, held until the transaction ends: nobody else ends it
    /// before.
    pub fn hold(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<Option<Self>> {
        let open = sessions::table
            .find(id)
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now));
        // An update that changes nothing locks the row on PostgreSQL; SQLite has one writer anyway.
        let held = diesel::update(open)
            .set(sessions::user_id.eq(sessions::user_id))
            .execute(conn)?;
        if held == 0 {
            return Ok(None);
        }
        Self::by_id(conn, id)
    }

    /// Ends all sessions on this session of WorkOS's early; gives their ids and ends.
    pub fn revoke_sid(
        conn: &mut Conn,
        sid: &str,
        now: Timestamp,
    ) -> QueryResult<Vec<(String, Timestamp)>> {
        let open = sessions::table
            .filter(sessions::workos_sid.eq(sid))
            .filter(sessions::revoked_at.is_null());
        let ending = open
            .select((sessions::id, sessions::expires_at))
            .load(conn)?;
        diesel::update(open).set(ended(now)).execute(conn)?;
        Ok(ending)
    }

    /// Ends a session early. Its refresh token goes at once; the row stays until its end, so that a
    /// copied cookie can be told from a good one.
    pub fn revoke(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .filter(sessions::revoked_at.is_null())
            .set(ended(now))
            .execute(conn)
    }

    /// The sessions of a user that are open, the newest first.
    pub fn open_of(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order(sessions::created_at.desc())
            .select(Self::as_select())
            .load(conn)
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

    /// Deletes those that have ended by themselves, `most` of them at the most. One that was ended
    /// early stays for `outlived_by`, as long as an access token may live that stands on it: the row is
    /// why that is refused.
    pub fn delete_expired(
        conn: &mut Conn,
        now: Timestamp,
        outlived_by: TimeDelta,
        most: i64,
    ) -> QueryResult<usize> {
        let nothing_stands_on_it = sessions::revoked_at
            .is_null()
            .or(sessions::revoked_at.le(now.plus(-outlived_by)));
        let expired: Vec<String> = sessions::table
            .filter(sessions::expires_at.le(now))
            .filter(nothing_stands_on_it)
            .select(sessions::id)
            .limit(most)
            .load(conn)?;
        let expired = sessions::table.filter(sessions::id.eq_any(expired));
        // The trigger of deleted rows goes by the database's clock: where that is behind, it would take
        // one that has ended by itself for one that somebody deleted, and end the tokens on its `sid`.
        diesel::update(expired.clone())
            .filter(sessions::revoked_at.is_null())
            .set(sessions::revoked_at.eq(sessions::expires_at.nullable()))
            .execute(conn)?;
        diesel::delete(expired).execute(conn)
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
