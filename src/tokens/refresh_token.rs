//! The row of a refresh token and its queries.

use diesel::prelude::*;

use super::Claims;
use super::rotation::REPLAYED_FOR;
use crate::clock::Timestamp;
use crate::db::schema::refresh_tokens;
use crate::db::{Conn, insert_all, unless_taken};

/// What is kept of a refresh token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
pub struct RefreshTokenRow {
    /// The token's id.
    pub jti: String,
    /// The jti of the first token of a sign-in.
    pub family: String,
    /// Whose; `None`: nobody's that is known here.
    pub user_id: Option<i64>,
    /// WorkOS's session, or, where there is none, the browser session by [`of_session`].
    pub sid: Option<String>,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// The token's end.
    pub expires_at: Timestamp,
    /// The end of its family, whatever is rotated; `None`: not known yet.
    pub family_expires_at: Option<Timestamp>,
    /// When rotation replaced it.
    pub consumed_at: Option<Timestamp>,
    /// The pair that replaced it, sealed under a key that the token itself gives.
    pub successor: Option<Vec<u8>>,
    /// Since when it is no longer good.
    pub revoked_at: Option<Timestamp>,
}

impl RefreshTokenRow {
    /// The row of a token with these claims.
    pub(super) fn of(claims: &Claims, family: &str, user_id: i64, last: Timestamp) -> Self {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap_or(last);
        Self {
            jti: claims.jti.clone(),
            family: family.to_owned(),
            user_id: Some(user_id),
            sid: claims.sid.clone(),
            // Before 1970 nobody issued any, and PostgreSQL's calendar is shorter than chrono's.
            issued_at: at(claims.iat.unwrap_or_default().max(0)),
            expires_at: at(claims.exp),
            family_expires_at: Some(last),
            consumed_at: None,
            successor: None,
            revoked_at: None,
        }
    }

    /// The row of this token.
    pub fn by_jti(conn: &mut Conn, jti: &str) -> QueryResult<Option<Self>> {
        let row = refresh_tokens::table.find(jti);
        row.select(Self::as_select()).first(conn).optional()
    }

    /// Those that are known of these ids.
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

    /// Inserts the row; `false` when this `jti` is known already.
    pub fn insert_unless_known(&self, conn: &mut Conn) -> QueryResult<bool> {
        Ok(unless_taken(conn, |conn| self.insert(conn))?.is_some())
    }

    /// Inserts them all; a thousand at most, for the databases' bounds on parameters.
    pub fn insert_all(conn: &mut Conn, rows: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, refresh_tokens::table, rows)
    }

    /// Deletes those that have ended by themselves, `most` of them at the most. A consumed one stays
    /// until then, whatever became of it: its return tells of a theft.
    pub fn delete_expired(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
        let expired: Vec<String> = refresh_tokens::table
            .filter(refresh_tokens::expires_at.le(now))
            .select(refresh_tokens::jti)
            .limit(most)
            .load(conn)?;
        let gone = refresh_tokens::table.filter(refresh_tokens::jti.eq_any(expired));
        diesel::delete(gone).execute(conn)
    }

    /// Forgets the pairs that nobody gets any more, `most` of them at the most: with a token that leaked
    /// long ago, a copy of the database would open them.
    pub fn forget_successors(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
        let waiting: Vec<String> = refresh_tokens::table
            .filter(refresh_tokens::successor.is_not_null())
            .filter(refresh_tokens::consumed_at.lt(now.plus(-REPLAYED_FOR)))
            .select(refresh_tokens::jti)
            .limit(most)
            .load(conn)?;
        diesel::update(refresh_tokens::table.filter(refresh_tokens::jti.eq_any(waiting)))
            .set(refresh_tokens::successor.eq(None::<Vec<u8>>))
            .execute(conn)
    }

    /// Ends one early; `false` when it had ended before.
    pub fn revoke(conn: &mut Conn, jti: &str, since: Timestamp) -> QueryResult<bool> {
        let live = refresh_tokens::table.find(jti);
        let revoked = diesel::update(live)
            .filter(refresh_tokens::revoked_at.is_null())
            .set(ended(since))
            .execute(conn)?;
        Ok(revoked > 0)
    }

    /// Takes the token out of use, in one statement; `false` when it is out already.
    pub(super) fn consume(
        conn: &mut Conn,
        jti: &str,
        successor: &[u8],
        now: Timestamp,
    ) -> QueryResult<bool> {
        let live = refresh_tokens::table
            .find(jti)
            .filter(refresh_tokens::consumed_at.is_null())
            .filter(refresh_tokens::revoked_at.is_null());
        let consumed = diesel::update(live)
            .set((
                refresh_tokens::consumed_at.eq(now),
                refresh_tokens::successor.eq(successor),
            ))
            .execute(conn)?;
        Ok(consumed > 0)
    }

    /// Ends a family. Returns how many tokens were alive.
    pub fn revoke_family(conn: &mut Conn, family: &str, now: Timestamp) -> QueryResult<usize> {
        let family = refresh_tokens::table.filter(refresh_tokens::family.eq(family));
        until_none_is_left(|| {
            diesel::update(family)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(ended(now))
                .execute(conn)
        })
    }

    /// Ends the families that stand on this browser session of ours, which WorkOS has none for.
    pub fn revoke_session(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<usize> {
        Self::revoke_sid(conn, &of_session(id), now)
    }

    /// Has the families that stand on one session of WorkOS's stand on another, as when WorkOS gives
    /// a session a new name.
    pub fn move_sid(conn: &mut Conn, from: &str, to: &str) -> QueryResult<usize> {
        let of_session = refresh_tokens::table.filter(refresh_tokens::sid.eq(from));
        diesel::update(of_session)
            .set(refresh_tokens::sid.eq(to))
            .execute(conn)
    }

    /// Ends the families that stand on this session of WorkOS's.
    pub fn revoke_sid(conn: &mut Conn, sid: &str, now: Timestamp) -> QueryResult<usize> {
        let of_session = refresh_tokens::table.filter(refresh_tokens::sid.eq(sid));
        until_none_is_left(|| {
            diesel::update(of_session)
                .filter(refresh_tokens::revoked_at.is_null())
                .set(ended(now))
                .execute(conn)
        })
    }
}

/// What stands for a browser session of ours that WorkOS knows nothing of; WorkOS's own ids have no
/// colon. It is kept in the row alone: the claim `sid` is WorkOS's.
pub(super) fn of_session(id: &str) -> String {
    format!("local:{id}")
}

/// A rotation that commits while PostgreSQL waits for its row leaves a successor that the statement
/// did not see; the next one does.
fn until_none_is_left(mut revoke: impl FnMut() -> QueryResult<usize>) -> QueryResult<usize> {
    let mut all = 0;
    loop {
        match revoke()? {
            0 => return Ok(all),
            some => all += some,
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = refresh_tokens, treat_none_as_null = true)]
struct Ended {
    revoked_at: Option<Timestamp>,
    successor: Option<Vec<u8>>,
}

/// A pair that waits for a replay goes too: revocation wins.
fn ended(now: Timestamp) -> Ended {
    Ended {
        revoked_at: Some(now),
        successor: None,
    }
}
