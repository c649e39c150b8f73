//! Takes a refresh token in: the next access token, and with rotation the next refresh token.
//!
//! Rotation consumes a token in one statement. The pair that follows waits, sealed under a key that
//! only the consumed token gives, for whoever shows it again within half a minute: a second tab, a
//! retry whose first answer was lost. Later, showing it is theft, and ends the family.

use chrono::TimeDelta;

use super::pair::new_jti;
use super::standing::{Behind, Standing, stands_for};
use super::successor;
use super::{Claims, IssueError, Kind, Pair, RefreshTokenRow, TokenError, Tokens};
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};

/// How long a consumed token still gets the pair that followed it.
pub(super) const REPLAYED_FOR: TimeDelta = TimeDelta::seconds(30);
/// A round is lost only to a request that consumed the same token, which the next round sees.
const ROUNDS: usize = 3;

/// What a refresh gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The next access token.
    pub access: String,
    /// The next refresh token, with rotation.
    pub refresh: Option<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token itself.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The account is closed or gone.
    #[error("no active account has this token")]
    NoActiveAccount,
    /// The password was changed, or the account signed out everywhere, since.
    #[error("the password has been changed since")]
    PasswordChanged,
    /// Ours to mend.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<diesel::result::Error> for RefreshError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Issue(error.into())
    }
}

impl From<crate::db::DbError> for RefreshError {
    fn from(error: crate::db::DbError) -> Self {
        Self::Issue(error.into())
    }
}

/// What the database knows of a token: its account, its row, the session behind it.
pub(super) struct Known {
    user: Option<User>,
    row: Option<RefreshTokenRow>,
    session_is_over: bool,
}

impl Tokens {
    /// Takes a refresh token in.
    pub async fn refresh(
        &self,
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let claims = self.read(token, Some(Kind::Refresh), now)?;
        // Another request may consume the token between our look and our write: then look again.
        for _ in 0..ROUNDS {
            let known = Known::read(database, &claims).await?;
            let (user, row) = known.judge(&claims, now)?;
            if let Some(consumed_at) = row.as_ref().and_then(|row| row.consumed_at) {
                return self.replay(database, token, row, consumed_at, now).await;
            }
            let refreshed = if self.rotate {
                self.rotate(database, token, &claims, &user, row, now)
                    .await?
            } else {
                self.keep(database, &claims, &user, row, now).await?
            };
            if let Some(refreshed) = refreshed {
                return Ok(refreshed);
            }
        }
        Err(TokenError::Blacklisted.into())
    }

    /// Consumes the token and gives its successor; `None`: another request was quicker.
    async fn rotate(
        &self,
        database: &Database,
        token: &str,
        claims: &Claims,
        user: &User,
        row: Option<RefreshTokenRow>,
        now: Timestamp,
    ) -> Result<Option<Refreshed>, RefreshError> {
        let last = self.last_day(row.as_ref(), now);
        let next = Claims {
            exp: now.plus(self.refresh_lifetime).min(last).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: Some(user.id.to_string()),
            // Django's first successor is ours, and ends with the password that it came from.
            ver: Some(user.token_version),
            ..claims.clone()
        };
        let pair = self.pair(&next, now)?;
        let sealed = successor::seal(token, &pair)?;
        let family = row.as_ref().map_or(&claims.jti, |row| &row.family).clone();
        let stands_on = row.as_ref().map_or(&claims.sid, |row| &row.sid).clone();
        let successor = RefreshTokenRow {
            sid: stands_on,
            ..RefreshTokenRow::of(&next, &family, user.id, last)
        };
        let first_use = row
            .is_none()
            .then(|| RefreshTokenRow::of(claims, &family, user.id, last));
        let jti = claims.jti.clone();
        let consumed = database
            .write(move |conn| {
                if let Some(foreign) = first_use {
                    foreign.insert_unless_known(conn)?;
                }
                let consumed = RefreshTokenRow::consume(conn, &jti, &sealed, now)?;
                if consumed {
                    successor.insert(conn)?;
                }
                Ok::<_, DbError>(consumed)
            })
            .await?;
        Ok(consumed.then(|| pair.into()))
    }

    /// Gives the pair that followed a consumed token once more, or ends the family of one that comes
    /// back too late.
    async fn replay(
        &self,
        database: &Database,
        token: &str,
        row: Option<RefreshTokenRow>,
        consumed_at: Timestamp,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let row = row.ok_or(TokenError::Blacklisted)?;
        let waiting = row
            .successor
            .as_deref()
            .filter(|_| now <= consumed_at.plus(REPLAYED_FOR));
        if let Some(pair) = waiting.and_then(|sealed| successor::open(token, sealed)) {
            return Ok(pair.into());
        }
        log::warn!(
            "a refresh token of account {} came back after it was replaced: its family {} ends",
            row.user_id.unwrap_or_default(),
            row.family
        );
        database
            .write(move |conn| {
                Ok::<_, DbError>(RefreshTokenRow::revoke_family(conn, &row.family, now)?)
            })
            .await?;
        Err(TokenError::Blacklisted.into())
    }

    /// Gives an access token and leaves the refresh token as it is. One of Django's is written down
    /// at its first use, so that it can be revoked; `None`: another request did so meanwhile.
    async fn keep(
        &self,
        database: &Database,
        claims: &Claims,
        user: &User,
        row: Option<RefreshTokenRow>,
        now: Timestamp,
    ) -> Result<Option<Refreshed>, RefreshError> {
        if row.is_none() {
            let last = self.last_day(None, now);
            let foreign = RefreshTokenRow::of(claims, &claims.jti, user.id, last);
            let written = database
                .write(move |conn| Ok::<_, DbError>(foreign.insert_unless_known(conn)?))
                .await?;
            if !written {
                return Ok(None);
            }
        }
        Ok(Some(Refreshed {
            access: self.access(claims, now)?,
            refresh: None,
        }))
    }

    /// When the family ends, whatever is rotated.
    fn last_day(&self, row: Option<&RefreshTokenRow>, now: Timestamp) -> Timestamp {
        row.and_then(|row| row.family_expires_at)
            .unwrap_or_else(|| now.plus(self.family_lifetime))
    }
}

impl Known {
    pub(super) async fn read(database: &Database, claims: &Claims) -> Result<Self, DbError> {
        let claims = claims.clone();
        database
            .read(move |conn| {
                let Behind {
                    user,
                    session_is_over,
                } = Behind::read(conn, &claims)?;
                Ok::<_, DbError>(Self {
                    user,
                    row: RefreshTokenRow::by_jti(conn, &claims.jti)?,
                    session_is_over,
                })
            })
            .await
    }

    /// Whether a token of either kind is good still.
    pub(super) fn verify(self, claims: &Claims, now: Timestamp) -> Result<(), RefreshError> {
        match self.judge(claims, now)? {
            (_, Some(row)) if row.consumed_at.is_some() => Err(TokenError::Blacklisted.into()),
            _ => Ok(()),
        }
    }

    /// The account and the row, where both still stand for this token.
    fn judge(
        self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(User, Option<RefreshTokenRow>), RefreshError> {
        let revoked = |row: &RefreshTokenRow| row.revoked_at.is_some();
        if self.row.as_ref().is_some_and(revoked) || self.session_is_over {
            return Err(TokenError::Blacklisted.into());
        }
        let user = self.user.filter(|user| user.is_active);
        let user = user.ok_or(RefreshError::NoActiveAccount)?;
        match stands_for(claims, &user) {
            Standing::Good => {}
            Standing::Ended => return Err(RefreshError::PasswordChanged),
            Standing::Foreign => return Err(TokenError::Invalid.into()),
        }
        let ours = claims.ver.is_some() && !user.imported;
        if self.row.is_none() && claims.is_refresh() && ours {
            // We wrote down every refresh token of ours; this one's row never was, or was purged. Django
            // may have rotated one of ours, though: it keeps the claims that it does not know.
            return Err(TokenError::Invalid.into());
        }
        let last = self.row.as_ref().and_then(|row| row.family_expires_at);
        if last.is_some_and(|last| last <= now) {
            // One of Django's may say that it lives longer than any family here.
            return Err(TokenError::Expired.into());
        }
        Ok((user, self.row))
    }
}

impl From<Pair> for Refreshed {
    fn from(pair: Pair) -> Self {
        Self {
            access: pair.access,
            refresh: Some(pair.refresh),
        }
    }
}
