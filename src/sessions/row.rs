//! The row of a session and its queries.

use chrono::TimeDelta;
use diesel::dsl::exists;
use diesel::prelude::*;

use super::workos_revocation::WorkosRevocation;
use crate::clock::Timestamp;
use crate::db::schema::sessions;
use crate::db::{Conn, load_unlocked, on_unique_violation};
use crate::ids::{OrganizationId, SessionId, UserId, WorkosSid};

/// A session as the database stores it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// The session's id, also in the encrypted cookie.
    pub id: SessionId,
    /// The user's row.
    pub user_id: UserId,
    /// SHA-256 of the login attempt's `state`, in hex.
    pub login_attempt: Option<String>,
    /// WorkOS's session id.
    pub workos_sid: Option<WorkosSid>,
    /// WorkOS's refresh token, encrypted by [`Keys::seal_row`](crate::keys::Keys::seal_row).
    pub workos_refresh_token: Option<Vec<u8>>,
    /// Until when WorkOS has confirmed the session.
    pub confirmed_until: Option<Timestamp>,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the session was last used, to a tenth of `SESSION_IDLE_TIMEOUT`; `None` before the first record.
    pub last_seen_at: Option<Timestamp>,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
    /// When the session was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The organisation of the session.
    pub organization_id: Option<OrganizationId>,
    /// The user's role in the organisation.
    pub role: Option<String>,
    /// When the session is due for renewal; `None` before the first renewal.
    pub renew_after: Option<Timestamp>,
    /// When the lease of the process that renews the session expires.
    pub renewing_until: Option<Timestamp>,
    /// When the refresh token was first sent to WorkOS, if no complete answer has followed. WorkOS may have
    /// consumed it.
    pub refresh_token_sent_at: Option<Timestamp>,
    /// Consecutive renewals that failed because WorkOS could not be reached.
    pub renewal_failures: i32,
    /// Incremented when every cookie of the session must reload it from this row. A cookie names the
    /// generation that it was written in.
    pub generation: i32,
}

/// The values of a new session.
#[derive(Clone, Debug, Insertable, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct NewSession {
    /// See [`SessionRow::id`].
    pub id: SessionId,
    /// See [`SessionRow::user_id`].
    pub user_id: UserId,
    /// See [`SessionRow::login_attempt`].
    pub login_attempt: Option<String>,
    /// What a request must show to get the session of a callback again.
    pub callback_proof: Option<String>,
    /// See [`SessionRow::workos_sid`].
    pub workos_sid: Option<WorkosSid>,
    /// See [`SessionRow::workos_refresh_token`].
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::confirmed_until`].
    pub confirmed_until: Option<Timestamp>,
    /// See [`SessionRow::created_at`].
    pub created_at: Timestamp,
    /// When the user last entered credentials.
    pub auth_time: Option<Timestamp>,
    /// See [`SessionRow::expires_at`].
    pub expires_at: Timestamp,
    /// See [`SessionRow::organization_id`].
    pub organization_id: Option<OrganizationId>,
    /// See [`SessionRow::role`].
    pub role: Option<String>,
    /// [`WorkosFacts`](crate::workos_facts::WorkosFacts), as JSON.
    pub workos_facts: Option<String>,
    /// The address that the user signed in from.
    pub ip_address: Option<String>,
    /// The browser, by [`truncate_user_agent`](super::truncate_user_agent).
    pub user_agent: Option<String>,
    /// The email of the impersonator, in an impersonated session.
    pub impersonator: Option<String>,
}

impl NewSession {
    /// The session that the callback of this login attempt with this proof has created, if it is open.
    pub fn open_of_callback(
        conn: &mut Conn,
        attempt: &str,
        proof: &str,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        sessions::table
            .filter(sessions::login_attempt.eq(attempt))
            .filter(sessions::callback_proof.eq(proof))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// Inserts the row; `false` if this login attempt has already created a session.
    pub fn insert(&self, conn: &mut Conn) -> QueryResult<bool> {
        let inserted = on_unique_violation(conn, |conn| {
            diesel::insert_into(sessions::table)
                .values(self)
                .execute(conn)
        })?;
        Ok(inserted.is_some())
    }
}

impl SessionRow {
    /// The session with this id.
    pub fn by_id(conn: &mut Conn, id: &SessionId) -> QueryResult<Option<Self>> {
        sessions::table
            .find(id)
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// Whether every local session of this WorkOS session has been revoked. If the browser signed in
    /// again within the same WorkOS session, its first row is revoked and its second is not.
    pub fn workos_session_is_revoked(conn: &mut Conn, sid: &WorkosSid) -> QueryResult<bool> {
        let of_sid = sessions::table.filter(sessions::workos_sid.eq(sid));
        let active = of_sid.filter(sessions::revoked_at.is_null());
        let (known, active): (bool, bool) =
            diesel::select((exists(of_sid), exists(active))).get_result(conn)?;
        Ok(known && !active)
    }

    /// Whether a session of this WorkOS session is stored, active or not.
    pub fn is_known_sid(conn: &mut Conn, sid: &WorkosSid) -> QueryResult<bool> {
        let of_sid = sessions::table.filter(sessions::workos_sid.eq(sid));
        diesel::select(exists(of_sid)).get_result(conn)
    }

    /// The id of the active session of this WorkOS session: one that can be renewed, if there are
    /// several, and the newest of these.
    pub fn active_of_sid(
        conn: &mut Conn,
        sid: &WorkosSid,
        now: Timestamp,
    ) -> QueryResult<Option<SessionId>> {
        sessions::table
            .filter(sessions::workos_sid.eq(sid))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order((
                sessions::workos_refresh_token.is_not_null().desc(),
                sessions::created_at.desc(),
                sessions::id,
            ))
            .select(sessions::id)
            .first(conn)
            .optional()
    }

    /// Whether the session was created by a sign-in with a password: a sign-in through WorkOS has a login
    /// attempt or a `sid`.
    pub fn is_password_session(&self) -> bool {
        let is_local = self.workos_sid.is_none() && self.workos_refresh_token.is_none();
        is_local && self.login_attempt.is_none()
    }

    /// The session with this id, if it is active, locked until the transaction ends: no other
    /// transaction can revoke it before.
    pub fn lock_active(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        let active = sessions::table
            .find(id)
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now));
        // An update that changes nothing locks the row on PostgreSQL. SQLite has one writer anyway.
        let locked = diesel::update(active)
            .set(sessions::user_id.eq(sessions::user_id))
            .execute(conn)?;
        if locked == 0 {
            return Ok(None);
        }
        Self::by_id(conn, id)
    }

    /// Revokes every session of this WorkOS session, and returns those that were not revoked before.
    pub fn revoke_sid(conn: &mut Conn, sid: &WorkosSid, now: Timestamp) -> QueryResult<Vec<Self>> {
        let active = sessions::table
            .filter(sessions::workos_sid.eq(sid))
            .filter(sessions::revoked_at.is_null());
        let revoked = active.select(Self::as_select()).load(conn)?;
        diesel::update(active).set(revocation(now)).execute(conn)?;
        Ok(revoked)
    }

    /// Revokes the sessions of this WorkOS session that no cookie belongs to: they were created for the tokens
    /// of a code exchange. Returns those that were not revoked before.
    pub fn revoke_without_cookie(
        conn: &mut Conn,
        sid: &WorkosSid,
        now: Timestamp,
    ) -> QueryResult<Vec<Self>> {
        let active = sessions::table
            .filter(sessions::workos_sid.eq(sid))
            .filter(sessions::login_attempt.is_null())
            .filter(sessions::revoked_at.is_null());
        let revoked = active.select(Self::as_select()).load(conn)?;
        diesel::update(active).set(revocation(now)).execute(conn)?;
        Ok(revoked)
    }

    /// Revokes a session. Its refresh token is deleted at once. The row stays until the session's end,
    /// so that a copied cookie is recognised.
    pub fn revoke(conn: &mut Conn, id: &SessionId, now: Timestamp) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .filter(sessions::revoked_at.is_null())
            .set(revocation(now))
            .execute(conn)
    }

    /// The active sessions of a user, the newest first.
    pub fn active_of_user(
        conn: &mut Conn,
        user_id: UserId,
        now: Timestamp,
    ) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order(sessions::created_at.desc())
            .select(Self::as_select())
            .load(conn)
    }

    /// Revokes all sessions of a user.
    pub fn revoke_all_of_user(
        conn: &mut Conn,
        user_id: UserId,
        now: Timestamp,
    ) -> QueryResult<usize> {
        Self::revoke_all_except(conn, user_id, None, now)
    }

    /// Revokes all sessions of a user except `keep`. Those that have ended before and still wait to be revoked at WorkOS
    /// are revoked there too.
    pub fn revoke_all_except(
        conn: &mut Conn,
        user_id: UserId,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> QueryResult<usize> {
        WorkosRevocation::settle(conn, user_id, keep, now)?;
        let others = sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::id.ne(keep.map_or("", |id| id)));
        diesel::update(others)
            .filter(sessions::revoked_at.is_null())
            .set(revocation(now))
            .execute(conn)
    }

    /// Deletes up to `limit` expired sessions. A revoked session is deleted only after `keep_revoked`,
    /// the lifetime of an access token: the row is the reason why the session's access tokens are
    /// refused.
    pub fn delete_expired(
        conn: &mut Conn,
        now: Timestamp,
        keep_revoked: TimeDelta,
        limit: i64,
    ) -> QueryResult<usize> {
        let not_needed = sessions::revoked_at
            .is_null()
            .or(sessions::revoked_at.le(now.plus(-keep_revoked)));
        let expired: Vec<(SessionId, Option<Timestamp>)> = load_unlocked!(
            conn,
            sessions::table
                .filter(sessions::expires_at.le(now))
                .filter(not_needed)
                .select((sessions::id, sessions::revoked_at))
                .limit(limit)
        )?;
        let ids = |not_revoked_only: bool| {
            let chosen = expired
                .iter()
                .filter(|(_, revoked_at)| !not_revoked_only || revoked_at.is_none());
            sessions::table
                .filter(sessions::id.eq_any(chosen.map(|(id, _)| id).collect::<Vec<_>>()))
        };
        // The trigger on deleted rows uses the database's clock. If that clock is behind, an expired
        // session would look like one that somebody deleted, and the trigger would revoke its tokens.
        // A condition on `revoked_at` here would make SQLite read every session that is not revoked.
        diesel::update(ids(true))
            .set(sessions::revoked_at.eq(sessions::expires_at.nullable()))
            .execute(conn)?;
        diesel::delete(ids(false)).execute(conn)
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_null = true)]
pub(super) struct SessionRevocation {
    revoked_at: Option<Timestamp>,
    workos_refresh_token: Option<Vec<u8>>,
    refresh_token_sent_at: Option<Timestamp>,
}

pub(super) fn revocation(now: Timestamp) -> SessionRevocation {
    SessionRevocation {
        revoked_at: Some(now),
        workos_refresh_token: None,
        refresh_token_sent_at: None,
    }
}
