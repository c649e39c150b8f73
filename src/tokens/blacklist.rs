//! Verifies a token of either kind, and ends a refresh token before its time.

use super::rotation::{Known, RefreshError};
use super::standing::{Standing, stands_for};
use super::{Claims, IssueError, Kind, RefreshTokenRow, TokenError, Tokens};
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError};

impl Tokens {
    /// Whether a token of either kind is good: signed by us, in time, not retired, and its account
    /// still behind it.
    pub async fn verify(
        &self,
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<(), RefreshError> {
        let claims = self.read(token, None, now)?;
        let known = Known::read(database, &claims).await?;
        known.verify(&claims, now)
    }

    /// Ends a refresh token and its family. An account that is closed may do so too.
    pub async fn blacklist(
        &self,
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<(), RefreshError> {
        let claims = self.read(token, Some(Kind::Refresh), now)?;
        let last = now.plus(self.family_lifetime);
        // The complaint comes after the transaction, which it would undo.
        let ended = database
            .write(move |conn| end(conn, &claims, last, now))
            .await?;
        if ended {
            Ok(())
        } else {
            Err(TokenError::Blacklisted.into())
        }
    }

    /// Ends the family of a refresh token, inside the transaction that signs out; `false` when it was
    /// no longer in use, or is not ours to end.
    pub fn end_family(
        &self,
        conn: &mut Conn,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        match end(conn, claims, now.plus(self.family_lifetime), now) {
            Err(RefreshError::Issue(IssueError::Database(error))) => Err(error),
            ended => Ok(ended.unwrap_or(false)),
        }
    }
}

/// `false`: it was no longer in use.
fn end(
    conn: &mut Conn,
    claims: &Claims,
    last: Timestamp,
    now: Timestamp,
) -> Result<bool, RefreshError> {
    if RefreshTokenRow::by_jti(conn, &claims.jti)?.is_none() {
        // Django's, never seen here: written down, then ended like ours.
        let user = account_of_foreign(conn, claims)?;
        let mut row = RefreshTokenRow::of(claims, &claims.jti, 0, last);
        row.user_id = user;
        row.insert_unless_known(conn)?;
    }
    let row = RefreshTokenRow::by_jti(conn, &claims.jti)?;
    let row = row.ok_or(TokenError::Blacklisted)?;
    let live = row.consumed_at.is_none() && RefreshTokenRow::revoke(conn, &row.jti, now)?;
    RefreshTokenRow::revoke_family(conn, &row.family, now)?;
    Ok(live)
}

/// The account of a token that is not written down here; it may not have been imported yet.
fn account_of_foreign(conn: &mut Conn, claims: &Claims) -> Result<Option<i64>, RefreshError> {
    let user = match claims.user() {
        Some(id) => User::by_id(conn, id)?,
        None => None,
    };
    match user {
        Some(user) if stands_for(claims, &user) == Standing::Foreign => {
            Err(TokenError::Invalid.into())
        }
        user => Ok(user.map(|user| user.id)),
    }
}
