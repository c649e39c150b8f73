//! Access tokens of requests, from the `Authorization` header and from the policy's cookie.

use super::ApiError;
use super::error::Unauthorized;
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::tokens::{
    TokenClaims, TokenError, TokenKind, TokenStatus, TokenSubject, Tokens, token_status,
};

/// Verifies an access token, which must name a user.
pub(super) fn read(
    tokens: &Tokens,
    token: &str,
    now: Timestamp,
) -> Result<TokenClaims, Unauthorized> {
    let claims = tokens
        .read(token, Some(TokenKind::Access), now)
        .map_err(Unauthorized::AccessToken)?;
    match claims.user_id {
        Some(_) => Ok(claims),
        None => Err(Unauthorized::NoUser),
    }
}

/// The user that a verified access token names, unless the token has been revoked meanwhile.
pub(super) async fn load_user(database: &Database, claims: TokenClaims) -> Result<User, ApiError> {
    let asked = claims.clone();
    let behind = database
        .read(move |conn| Ok::<_, DbError>(TokenSubject::read(conn, &asked)?))
        .await?;
    let user = behind.user.ok_or(Unauthorized::UserNotFound)?;
    if !user.is_active {
        return Err(Unauthorized::UserInactive.into());
    }
    match token_status(&claims, &user) {
        TokenStatus::Valid if behind.session_is_revoked || behind.family_is_revoked => {
            Err(Unauthorized::AccessToken(TokenError::Blacklisted).into())
        }
        TokenStatus::Valid => Ok(user),
        TokenStatus::Revoked => Err(Unauthorized::PasswordChanged.into()),
        TokenStatus::Foreign => Err(Unauthorized::AccessToken(TokenError::Invalid).into()),
    }
}
