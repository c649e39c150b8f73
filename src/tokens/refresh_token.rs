//! The row of a refresh token and its queries.

use chrono::TimeDelta;
use diesel::dsl::exists;
use diesel::prelude::*;

use super::claims::TokenClaims;
use crate::accounts::SignInMethod;
use crate::clock::Timestamp;
use crate::db::schema::refresh_tokens;
use crate::db::{Conn, insert_all, load_unlocked, on_unique_violation};
use crate::ids::{SessionId, UserId, WorkosSid};

/// The replay window: for this long, a replaced token still returns the pair that replaced it.
pub(super) const REPLAY_WINDOW: TimeDelta = TimeDelta::seconds(30);

/// A refresh token as the database stores it: without the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
pub struct RefreshTokenRow {
    /// The token's id.
    pub jti: String,
    /// The id of the sign-in's first token, which all its successors share.
    pub family: String,
    /// The user; `None` if the token's user is not known here.
    pub user_id: Option<UserId>,
    /// The WorkOS session with which the family ends.
    pub sid: Option<WorkosSid>,
    /// The browser session with which the family ends, if WorkOS has no session for it.
    pub session_id: Option<SessionId>,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// When the family ends, however often it is rotated; `None` before the first use.
    pub family_expires_at: Option<Timestamp>,
    /// When rotation replaced the token.
    pub consumed_at: Option<Timestamp>,
    /// The pair that replaced the token, encrypted under a key that is derived from the token.
    pub successor: Option<Vec<u8>>,
    /// When the token was revoked.
    pub revoked_at: Option<Timestamp>,
    /// How the user signed in, as the first column of a [`SignInMethod`];
    /// `None` with WorkOS, with a browser session, and for
    /// tokens of another program or of an earlier version.
    pub sign_in_method: Option<String>,
    /// The second column of the sign-in method: the user's id at Google or Okta.
    pub sign_in_subject: Option<String>,
}

impl RefreshTokenRow {
    /// The row of a token with these claims.
    pub(super) fn from_claims(
        claims: &TokenClaims,
        family: &str,
        user_id: Option<UserId>,
        last: Timestamp,
    ) -> Self {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap_or(last);
        Self {
            jti: claims.jti.clone(),
            family: family.to_owned(),
            user_id,
            sid: claims.sid.clone(),
            session_id: None,
            // A foreign token may name a time so long ago that PostgreSQL cannot store it.
            issued_at: at(claims.iat.unwrap_or_default().max(0)),
            expires_at: at(claims.exp),
            family_expires_at: Some(last),
            consumed_at: None,
            successor: None,
            revoked_at: None,
            sign_in_method: None,
            sign_in_subject: None,
        }
    }

    /// How the user signed in, if neither with WorkOS nor in a browser session.
    pub(super) fn method(&self) -> Option<SignInMethod> {
        let method = self.sign_in_method.clone()?;
        Some(SignInMethod::from_columns(
            method,
            self.sign_in_subject.clone(),
        ))
    }

    /// The row of the token with this id.
    pub fn by_jti(conn: &mut Conn, jti: &str) -> QueryResult<Option<Self>> {
        let row = refresh_tokens::table.find(jti);
        row.select(Self::as_select()).first(conn).optional()
    }

    /// The rows of the tokens with these ids.
    pub fn with_jtis(conn: &mut Conn, jtis: &[&str]) -> QueryResult<Vec<Self>> {
        refresh_tokens::table
            .filter(refresh_tokens::jti.eq_any(jtis))
            .select(Self::as_select())
            .load(conn)
    }

    /// Inserts the row.
    pub fn insert(&self, conn: &mut Conn) -> QueryResult<usize> {
        diesel::insert_into(refresh_tokens::table)
            .values(self)
            .execute(conn)
    }

    /// Inserts the row; `false` if a row with this `jti` exists.
    pub fn insert_if_new(&self, conn: &mut Conn) -> QueryResult<bool> {
        Ok(on_unique_violation(conn, |conn| self.insert(conn))?.is_some())
    }

    /// Inserts up to a thousand rows; the databases limit the parameters of a statement.
    pub fn insert_all(conn: &mut Conn, rows: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, refresh_tokens::table, rows)
    }

    /// Deletes up to `limit` tokens that expired at `until` or before. A replaced or revoked token stays until
    /// then, because a later use of it reveals a theft, and because its access tokens are refused by its row.
    pub fn delete_expired(conn: &mut Conn, until: Timestamp, limit: i64) -> QueryResult<usize> {
        let expired: Vec<String> = load_unlocked!(
            conn,
            refresh_tokens::table
                .filter(refresh_tokens::expires_at.le(until))
                .select(refresh_tokens::jti)
                .limit(limit)
        )?;
        let expired = refresh_tokens::table.filter(refresh_tokens::jti.eq_any(expired));
        diesel::delete(expired).execute(conn)
    }

    /// Deletes up to `limit` successors whose replay window has ended. With a token that leaked long ago, a
    /// copy of the database would otherwise reveal them.
    pub fn delete_expired_successors(
        conn: &mut Conn,
        now: Timestamp,
        limit: i64,
    ) -> QueryResult<usize> {
        let expired: Vec<String> = load_unlocked!(
            conn,
            refresh_tokens::table
                .filter(refresh_tokens::successor.is_not_null())
                .filter(refresh_tokens::consumed_at.lt(now.plus(-REPLAY_WINDOW)))
                .select(refresh_tokens::jti)
                .limit(limit)
        )?;
        diesel::update(refresh_tokens::table.filter(refresh_tokens::jti.eq_any(expired)))
            .set(refresh_tokens::successor.eq(None::<Vec<u8>>))
            .execute(conn)
    }

    /// Revokes a token; `false` if it was revoked before.
    pub fn revoke(conn: &mut Conn, jti: &str, since: Timestamp) -> QueryResult<bool> {
        let revoked = diesel::update(refresh_tokens::table.find(jti))
            .filter(refresh_tokens::revoked_at.is_null())
            .set(revocation(since))
            .execute(conn)?;
        Ok(revoked > 0)
    }

    /// Marks the token as replaced, in one statement; `false` if it was replaced or revoked before.
    pub(super) fn consume(
        conn: &mut Conn,
        jti: &str,
        successor: &[u8],
        now: Timestamp,
    ) -> QueryResult<bool> {
        let usable = refresh_tokens::table
            .find(jti)
            .filter(refresh_tokens::consumed_at.is_null())
            .filter(refresh_tokens::revoked_at.is_null());
        let consumed = diesel::update(usable)
            .set((
                refresh_tokens::consumed_at.eq(now),
                refresh_tokens::successor.eq(successor),
            ))
            .execute(conn)?;
        Ok(consumed > 0)
    }

    /// Revokes a family; returns the number of revoked tokens.
    pub fn revoke_family(conn: &mut Conn, family: &str, now: Timestamp) -> QueryResult<usize> {
        let family = refresh_tokens::table.filter(refresh_tokens::family.eq(family));
        repeat_until_none(|| {
            diesel::update(family)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(revocation(now))
                .execute(conn)
        })
    }

    /// Revokes the families of a user's sign-ins by this method, such as a provider's issuer.
    pub fn revoke_sign_ins(
        conn: &mut Conn,
        user_id: UserId,
        method: &str,
        now: Timestamp,
    ) -> QueryResult<usize> {
        let of_method = refresh_tokens::table
            .filter(refresh_tokens::user_id.eq(user_id))
            .filter(refresh_tokens::sign_in_method.eq(method));
        repeat_until_none(|| {
            diesel::update(of_method)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(revocation(now))
                .execute(conn)
        })
    }

    /// Deletes the successor of a replaced token, so that no replay returns it.
    pub(super) fn delete_successor(conn: &mut Conn, jti: &str) -> QueryResult<usize> {
        diesel::update(refresh_tokens::table.find(jti))
            .set(refresh_tokens::successor.eq(None::<Vec<u8>>))
            .execute(conn)
    }

    /// Revokes the families that end with this browser session.
    pub fn revoke_session(conn: &mut Conn, id: &SessionId, now: Timestamp) -> QueryResult<usize> {
        let of_session = refresh_tokens::table.filter(refresh_tokens::session_id.eq(id));
        repeat_until_none(|| {
            diesel::update(of_session)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(revocation(now))
                .execute(conn)
        })
    }

    /// Moves the families of one WorkOS session to another, for when WorkOS changes a session's id.
    pub fn replace_sid(conn: &mut Conn, from: &WorkosSid, to: &WorkosSid) -> QueryResult<usize> {
        let of_session = refresh_tokens::table.filter(refresh_tokens::sid.eq(from));
        diesel::update(of_session)
            .set(refresh_tokens::sid.eq(to))
            .execute(conn)
    }

    /// Whether a token of this WorkOS session has neither been revoked nor expired.
    pub fn has_live_of_sid(conn: &mut Conn, sid: &WorkosSid, now: Timestamp) -> QueryResult<bool> {
        let live = refresh_tokens::table
            .filter(refresh_tokens::sid.eq(sid))
            .filter(refresh_tokens::revoked_at.is_null())
            .filter(refresh_tokens::expires_at.gt(now));
        diesel::select(exists(live)).get_result(conn)
    }

    /// Revokes the families that end with this WorkOS session.
    pub fn revoke_sid(conn: &mut Conn, sid: &WorkosSid, now: Timestamp) -> QueryResult<usize> {
        let of_session = refresh_tokens::table.filter(refresh_tokens::sid.eq(sid));
        repeat_until_none(|| {
            diesel::update(of_session)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(revocation(now))
                .execute(conn)
        })
    }
}

/// Repeats a revocation until it changes nothing; returns the number of revoked tokens. If a rotation
/// commits while PostgreSQL waits for its row, the statement does not see the inserted successor, and the
/// next one does.
fn repeat_until_none(mut revoke: impl FnMut() -> QueryResult<usize>) -> QueryResult<usize> {
    let mut revoked = 0;
    loop {
        match revoke()? {
            0 => return Ok(revoked),
            more => revoked += more,
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = refresh_tokens, treat_none_as_null = true)]
struct RefreshTokenRevocation {
    revoked_at: Option<Timestamp>,
    successor: Option<Vec<u8>>,
}

/// A revocation also deletes the successor, so that a replay does not return it.
fn revocation(now: Timestamp) -> RefreshTokenRevocation {
    RefreshTokenRevocation {
        revoked_at: Some(now),
        successor: None,
    }
}
