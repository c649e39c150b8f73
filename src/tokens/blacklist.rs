//! Verifies a token of any type, and revokes a refresh token.

use super::claims::{TokenClaims, TokenError, TokenKind};
use super::refresh_error::RefreshError;
use super::refresh_token::RefreshTokenRow;
use super::signing::{IssueError, Tokens};
use super::status::{TokenStatus, token_status};
use super::token_record::TokenRecord;
use crate::account_queue::AccountReference;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::workos::ClientDevice;

impl Tokens {
    /// Verifies a token of any type: its signature, its times, and that it was not revoked or replaced. As in
    /// simplejwt, its account is not asked, so this does not say whether the token opens anything.
    pub async fn verify(
        &self,
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<(), RefreshError> {
        let claims = self.read(token, None, now)?;
        let record = TokenRecord::read(database, &claims, &[], now).await?;
        if record.has_successor() {
            // The answer tells that the token has been replaced. Somebody who has stolen it could wait for
            // that, and then get its successor by a replay.
            let jti = claims.jti.clone();
            let account = AccountReference::RefreshToken(jti.clone());
            account
                .queue(database)
                .await?
                .write(move |conn| Ok::<_, DbError>(RefreshTokenRow::delete_successor(conn, &jti)?))
                .await?;
        }
        match record.is_blacklisted() {
            true => Err(TokenError::Blacklisted.into()),
            false => Ok(()),
        }
    }

    /// Revokes a refresh token and its family. This also works for an inactive account.
    pub async fn blacklist(
        &self,
        database: &Database,
        token: &str,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<(), RefreshError> {
        let claims = self.read(token, Some(TokenKind::Refresh), now)?;
        let last = now.plus(self.family_lifetime);
        // The error is returned after the transaction, which it would otherwise roll back.
        let account = AccountReference::RefreshToken(claims.jti.clone());
        let revoked = account
            .queue(database)
            .await?
            .write(move |conn| revoke(conn, &claims, &device, last, now))
            .await?;
        if revoked {
            Ok(())
        } else {
            Err(TokenError::Blacklisted.into())
        }
    }

    /// Revokes the family of a refresh token, inside the transaction that signs out; `false` if the token
    /// was not valid before, or belongs to another program.
    pub fn end_family(
        &self,
        conn: &mut Conn,
        claims: &TokenClaims,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        match revoke(conn, claims, device, now.plus(self.family_lifetime), now) {
            Err(RefreshError::NotIssued(IssueError::Database(error))) => Err(error),
            outcome => Ok(outcome.unwrap_or(false)),
        }
    }
}

/// Revokes the token and its family; `false` if the token was not valid before.
fn revoke(
    conn: &mut Conn,
    claims: &TokenClaims,
    device: &ClientDevice,
    last: Timestamp,
    now: Timestamp,
) -> Result<bool, RefreshError> {
    if RefreshTokenRow::by_jti(conn, &claims.jti)?.is_none() {
        // Django issued the token and it was never used here: it gets a row, which is then revoked.
        let user = account_of_foreign(conn, claims)?;
        let row = RefreshTokenRow::from_claims(claims, &claims.jti, user, last);
        row.insert_if_new(conn)?;
    }
    let row = RefreshTokenRow::by_jti(conn, &claims.jti)?;
    let row = row.ok_or(TokenError::Blacklisted)?;
    let was_valid = row.consumed_at.is_none() && RefreshTokenRow::revoke(conn, &row.jti, now)?;
    RefreshTokenRow::revoke_family(conn, &row.family, now)?;
    if was_valid {
        let revoked = AuditEvent::TokensRevoked {
            user_id: row.user_id,
            family: row.family,
            reason: None,
        };
        revoked.record(conn, device, now)?;
    }
    Ok(was_valid)
}

/// The account of a token that has no row here; the account may not have been imported yet.
fn account_of_foreign(
    conn: &mut Conn,
    claims: &TokenClaims,
) -> Result<Option<UserId>, RefreshError> {
    match claims.user(conn)? {
        Some(user) if token_status(claims, &user) == TokenStatus::Foreign => {
            Err(TokenError::Invalid.into())
        }
        user => Ok(user.map(|user| user.id)),
    }
}
