//! Exchanges a refresh token for an access token and, with rotation, for the next refresh token.
//!
//! Rotation replaces a token in one statement. The new pair is stored, encrypted under a key that is
//! derived from the replaced token. A repeated request with the replaced token, from a second tab or after
//! a lost response, gets the same pair during the replay window. A later use is treated as theft and
//! revokes the family.

use super::claims::{TokenClaims, TokenError, TokenKind};
use super::pair::{TokenPair, new_jti};
use super::refresh_token::{REPLAY_WINDOW, RefreshTokenRow};
use super::signing::{IssueError, Tokens};
use super::status::{TokenStatus, TokenSubject, token_status};
use super::successor;
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::random::RandomnessError;

/// An attempt fails only if another request replaces the same token meanwhile, which the next attempt
/// sees.
const MAX_ATTEMPTS: usize = 3;

/// The result of a refresh.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshedTokens {
    /// The next access token.
    pub access: String,
    /// The next refresh token, with rotation.
    pub refresh: Option<String>,
}

/// Why a refresh token is refused.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is invalid, expired, replaced or revoked.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token's account is inactive or deleted.
    #[error("the token's account is inactive or does not exist")]
    NoActiveAccount,
    /// The password was changed, or the user signed out everywhere, after the token was issued.
    #[error("the password was changed after the token was issued")]
    PasswordChanged,
    /// Internal failure.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
}

impl From<RandomnessError> for RefreshError {
    fn from(error: RandomnessError) -> Self {
        Self::NotIssued(error.into())
    }
}

impl From<diesel::result::Error> for RefreshError {
    fn from(error: diesel::result::Error) -> Self {
        Self::NotIssued(error.into())
    }
}

impl From<DbError> for RefreshError {
    fn from(error: DbError) -> Self {
        Self::NotIssued(error.into())
    }
}

/// What the database stores about a token.
pub(super) struct TokenRecord {
    subject: TokenSubject,
    row: Option<RefreshTokenRow>,
}

impl Tokens {
    /// Exchanges a refresh token.
    pub async fn refresh(
        &self,
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<RefreshedTokens, RefreshError> {
        let claims = self.read(token, Some(TokenKind::Refresh), now)?;
        // Another request may replace the token between the reading and the writing.
        for _ in 0..MAX_ATTEMPTS {
            let record = TokenRecord::read(database, &claims).await?;
            let (user, row) = record.check(&claims, now)?;
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

    /// Replaces the token and returns its successor; `None` if another request replaced it first.
    async fn rotate(
        &self,
        database: &Database,
        token: &str,
        claims: &TokenClaims,
        user: &User,
        row: Option<RefreshTokenRow>,
        now: Timestamp,
    ) -> Result<Option<RefreshedTokens>, RefreshError> {
        let last = self.family_end(row.as_ref(), now);
        let next = TokenClaims {
            exp: now.plus(self.refresh_lifetime).min(last).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: Some(user.id.to_string()),
            // The successor of Django's token has a `ver`, so that a change of the password revokes it.
            ver: Some(user.token_version),
            ..claims.clone()
        };
        let pair = self.pair(&next, now)?;
        let sealed = successor::seal(token, &pair).map_err(IssueError::from)?;
        let family = row.as_ref().map_or(&claims.jti, |row| &row.family).clone();
        let new = RefreshTokenRow::from_claims(&next, &family, Some(user.id), last);
        let successor = match &row {
            Some(row) => RefreshTokenRow {
                sid: row.sid.clone(),
                session_id: row.session_id.clone(),
                ..new
            },
            None => new,
        };
        let first_use = row
            .is_none()
            .then(|| RefreshTokenRow::from_claims(claims, &family, Some(user.id), last));
        let jti = claims.jti.clone();
        let consumed = database
            .write(move |conn| {
                if let Some(foreign) = first_use {
                    foreign.insert_if_new(conn)?;
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

    /// Returns the successor of a replaced token again, or revokes the family after the replay window.
    async fn replay(
        &self,
        database: &Database,
        token: &str,
        row: Option<RefreshTokenRow>,
        consumed_at: Timestamp,
        now: Timestamp,
    ) -> Result<RefreshedTokens, RefreshError> {
        let row = row.ok_or(TokenError::Blacklisted)?;
        let stored = row
            .successor
            .as_deref()
            .filter(|_| now <= consumed_at.plus(REPLAY_WINDOW));
        if let Some(pair) = stored.and_then(|sealed| successor::open(token, sealed)) {
            return Ok(pair.into());
        }
        log::warn!(
            "a replaced refresh token of account {} was used again after the replay window; revoking its family {}",
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

    /// Returns an access token and does not replace the refresh token. A token of Django gets a row at its
    /// first use, so that it can be revoked; `None` if another request inserted the row meanwhile.
    async fn keep(
        &self,
        database: &Database,
        claims: &TokenClaims,
        user: &User,
        row: Option<RefreshTokenRow>,
        now: Timestamp,
    ) -> Result<Option<RefreshedTokens>, RefreshError> {
        if row.is_none() {
            let last = self.family_end(None, now);
            let foreign = RefreshTokenRow::from_claims(claims, &claims.jti, Some(user.id), last);
            let inserted = database
                .write(move |conn| Ok::<_, DbError>(foreign.insert_if_new(conn)?))
                .await?;
            if !inserted {
                return Ok(None);
            }
        }
        Ok(Some(RefreshedTokens {
            access: self.access(claims, now)?,
            refresh: None,
        }))
    }

    /// When the family ends, however often it is rotated.
    fn family_end(&self, row: Option<&RefreshTokenRow>, now: Timestamp) -> Timestamp {
        row.and_then(|row| row.family_expires_at)
            .unwrap_or_else(|| now.plus(self.family_lifetime))
    }
}

impl TokenRecord {
    pub(super) async fn read(database: &Database, claims: &TokenClaims) -> Result<Self, DbError> {
        let claims = claims.clone();
        database
            .read(move |conn| {
                Ok::<_, DbError>(Self {
                    subject: TokenSubject::read(conn, &claims)?,
                    row: RefreshTokenRow::by_jti(conn, &claims.jti)?,
                })
            })
            .await
    }

    /// Checks a token of either kind, which must not be replaced.
    pub(super) fn verify(self, claims: &TokenClaims, now: Timestamp) -> Result<(), RefreshError> {
        match self.check(claims, now)? {
            (_, Some(row)) if row.consumed_at.is_some() => Err(TokenError::Blacklisted.into()),
            _ => Ok(()),
        }
    }

    /// Checks that the account, the session and the row accept the token; returns the account and the row.
    fn check(
        self,
        claims: &TokenClaims,
        now: Timestamp,
    ) -> Result<(User, Option<RefreshTokenRow>), RefreshError> {
        let revoked = |row: &RefreshTokenRow| row.revoked_at.is_some();
        if self.row.as_ref().is_some_and(revoked) || self.subject.session_is_revoked {
            return Err(TokenError::Blacklisted.into());
        }
        let user = self.subject.user.filter(|user| user.is_active);
        let user = user.ok_or(RefreshError::NoActiveAccount)?;
        match token_status(claims, &user) {
            TokenStatus::Valid => {}
            TokenStatus::Revoked => return Err(RefreshError::PasswordChanged),
            TokenStatus::Foreign => return Err(TokenError::Invalid.into()),
        }
        let issued_here = claims.ver.is_some() && !user.imported;
        if self.row.is_none() && claims.is_refresh() && issued_here {
            // Every refresh token that was issued here has a row until it expires. For an imported user,
            // Django may have rotated a token that was issued here, and it keeps the claim `ver`.
            return Err(TokenError::Invalid.into());
        }
        let last = self.row.as_ref().and_then(|row| row.family_expires_at);
        if last.is_some_and(|last| last <= now) {
            // The `exp` of Django's token may be later than the end of its family here.
            return Err(TokenError::Expired.into());
        }
        Ok((user, self.row))
    }
}

impl From<TokenPair> for RefreshedTokens {
    fn from(pair: TokenPair) -> Self {
        Self {
            access: pair.access,
            refresh: Some(pair.refresh),
        }
    }
}
