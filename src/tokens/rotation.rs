//! Exchanges a refresh token for an access token and, with rotation, for the next refresh token.
//!
//! Rotation replaces a token in one statement. The new pair is stored, encrypted under a key that is
//! derived from the replaced token. A repeated request with the replaced token, from a second tab or after
//! a lost response, gets the same pair during the replay window, but only from the same client, and only until
//! the new refresh token has been used: its owner has received it by then. Any other use is treated as theft
//! and revokes the family.

use super::claims::{LONGEST_IMPERSONATION, TokenClaims, TokenError, TokenKind};
use super::jti::new_jti;
use super::pair::TokenPair;
use super::refresh_error::RefreshError;
use super::refresh_token::RefreshTokenRow;
use super::signing::{IssueError, Tokens};
use super::successor;
use super::token_record::{ExchangeableToken, RefreshSubject, TokenRecord, current_sid};
use crate::audit::FailureCounter;
use crate::clock::{Clock, Timestamp};
use crate::db::{Database, DbError, database_time};
use crate::ids::UserId;
use crate::workos::ClientDevice;

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

/// A request to exchange a refresh token.
#[derive(Clone, Copy)]
pub struct TokenRefresh<'a> {
    /// The refresh token.
    pub token: &'a str,
    /// The client's device, for the audit trail.
    pub device: &'a ClientDevice,
    /// Counts the requests that may only have been late.
    pub failures: &'a FailureCounter,
    /// The current time.
    pub now: Timestamp,
    /// The clock of `now`.
    pub clock: &'a Clock,
}

impl Tokens {
    /// Exchanges a refresh token. `confirm` is called once, when the token has been found valid and before
    /// anything is issued; it may end the family, or the session that the token depends on. `admit_rotation` is called
    /// with the family before a token of it is replaced.
    pub async fn refresh<E: From<RefreshError>>(
        &self,
        database: &Database,
        request: TokenRefresh<'_>,
        confirm: impl AsyncFn(RefreshSubject) -> Result<(), E>,
        admit_rotation: impl Fn(&str) -> Result<(), E>,
    ) -> Result<RefreshedTokens, E> {
        let TokenRefresh { token, now, .. } = request;
        let claims = self.read(token, Some(TokenKind::Refresh), now);
        let claims = claims.map_err(RefreshError::from)?;
        let mut is_confirmed = false;
        // Another request may replace the token between the reading and the writing, and the confirmation
        // may change the row.
        for _ in 0..=MAX_ATTEMPTS {
            let wanted = &self.application_claims;
            let record = TokenRecord::read(database, &claims, wanted, now).await;
            let record = record.map_err(RefreshError::from)?;
            let stored = record.check(&claims, now)?;
            let row = stored.row.as_ref();
            if self.family_end(row, &claims, now) <= now {
                return Err(RefreshError::from(TokenError::Expired).into());
            }
            let consumed = row.filter(|row| row.consumed_at.is_some());
            let replayed = match consumed {
                Some(row) => Some(self.replay(database, request, row).await?),
                None => None,
            };
            if !is_confirmed {
                // A token without a user depends on nothing, and its access token opens nothing.
                if let Some(user) = &stored.user {
                    let subject = RefreshSubject::new(&claims, user.clone(), row);
                    confirm(subject).await?;
                }
                is_confirmed = true;
                if replayed.is_none() {
                    continue;
                }
            }
            if let Some(pair) = replayed {
                return Ok(pair.into());
            }
            let refreshed = if self.rotate {
                admit_rotation(family_of(row, &claims))?;
                self.rotate(database, request, &claims, stored).await?
            } else {
                self.keep(database, &claims, stored, now).await?
            };
            if let Some(refreshed) = refreshed {
                return Ok(refreshed);
            }
        }
        Err(RefreshError::from(TokenError::Blacklisted).into())
    }

    /// Replaces the token and returns its successor; `None` if another request replaced it first.
    async fn rotate(
        &self,
        database: &Database,
        request: TokenRefresh<'_>,
        claims: &TokenClaims,
        stored: ExchangeableToken,
    ) -> Result<Option<RefreshedTokens>, RefreshError> {
        let TokenRefresh {
            token, device, now, ..
        } = request;
        let clock = request.clock.clone();
        let ExchangeableToken {
            user,
            row,
            application,
        } = stored;
        let user_id = user.as_ref().map(|user| user.id);
        let last = self.family_end(row.as_ref(), claims, now);
        let next = TokenClaims {
            exp: now.plus(self.refresh_lifetime).min(last).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: match &user {
                Some(user) => Some(user.key().to_string()),
                None => claims.user_id.clone(),
            },
            // The successor of Django's token has a `ver`, so that a change of the password revokes it.
            ver: user.as_ref().map(|user| user.token_version),
            sid: current_sid(claims, row.as_ref()),
            ..claims.clone()
        };
        let family = family_of(row.as_ref(), claims).to_owned();
        let pair = self.pair(&next, &family, application, now)?;
        let sealed = successor::seal(token, &pair, device).map_err(IssueError::from)?;
        let new = RefreshTokenRow::from_claims(&next, &family, user_id, last);
        let successor = match &row {
            Some(row) => RefreshTokenRow {
                sid: row.sid.clone(),
                session_id: row.session_id.clone(),
                sign_in_method: row.sign_in_method.clone(),
                sign_in_subject: row.sign_in_subject.clone(),
                ..new
            },
            None => new,
        };
        let first_use = row
            .is_none()
            .then(|| RefreshTokenRow::from_claims(claims, &family, user_id, last));
        let jti = claims.jti.clone();
        let consumed = queued(database, user_id)
            .write(move |conn| {
                if let Some(foreign) = first_use {
                    foreign.insert_if_new(conn)?;
                }
                let now = database_time(conn, &clock)?;
                let consumed = RefreshTokenRow::consume(conn, &jti, &sealed, now)?;
                if consumed {
                    successor.insert(conn)?;
                }
                Ok::<_, DbError>(consumed)
            })
            .await?;
        Ok(consumed.then(|| pair.into()))
    }

    /// Returns an access token and does not replace the refresh token. A token of Django gets a row at its
    /// first use, so that it can be revoked; `None` if another request inserted the row meanwhile.
    async fn keep(
        &self,
        database: &Database,
        claims: &TokenClaims,
        stored: ExchangeableToken,
        now: Timestamp,
    ) -> Result<Option<RefreshedTokens>, RefreshError> {
        let ExchangeableToken {
            user,
            row,
            application,
        } = stored;
        let last = self.family_end(row.as_ref(), claims, now);
        if row.is_none() {
            let user_id = user.map(|user| user.id);
            let foreign = RefreshTokenRow::from_claims(claims, &claims.jti, user_id, last);
            let inserted = queued(database, user_id)
                .write(move |conn| Ok::<_, DbError>(foreign.insert_if_new(conn)?))
                .await?;
            if !inserted {
                return Ok(None);
            }
        }
        let family = family_of(row.as_ref(), claims);
        let claims = TokenClaims {
            exp: claims.exp.min(last.seconds()),
            sid: current_sid(claims, row.as_ref()),
            ..claims.clone()
        };
        Ok(Some(RefreshedTokens {
            access: self.access(&claims, family, application, now)?,
            refresh: None,
        }))
    }

    /// When the family ends, however often it is rotated.
    fn family_end(
        &self,
        row: Option<&RefreshTokenRow>,
        claims: &TokenClaims,
        now: Timestamp,
    ) -> Timestamp {
        if let Some(end) = row.and_then(|row| row.family_expires_at) {
            return end;
        }
        let last = now.plus(self.family_lifetime);
        if claims.act.is_none() {
            return last;
        }
        // simplejwt exchanged our token, and may have given it a longer life.
        let issued_at = claims.iat.and_then(Timestamp::from_seconds).unwrap_or(now);
        issued_at.plus(LONGEST_IMPERSONATION).min(last)
    }
}

/// The database, for writes of this account; a token without a user has no rows that many requests need.
pub(super) fn queued(database: &Database, user_id: Option<UserId>) -> Database {
    user_id.map_or_else(|| database.clone(), |id| database.queued_by(id))
}

/// The family of a token. The first use of another program's token begins one.
fn family_of<'a>(row: Option<&'a RefreshTokenRow>, claims: &'a TokenClaims) -> &'a str {
    row.map_or(&claims.jti, |row| &row.family)
}

impl From<TokenPair> for RefreshedTokens {
    fn from(pair: TokenPair) -> Self {
        Self {
            access: pair.access,
            refresh: Some(pair.refresh),
        }
    }
}
