//! Access tokens of requests, from the `Authorization` header and from the policy's cookie.

use actix_web::HttpRequest;

use super::ApiError;
use super::error::Unauthorized;
use crate::accounts::User;
use crate::audit::{AuditEvent, RefusedKey};
use crate::database_epoch::warn_of_unknown;
use crate::db::{Database, DbError};
use crate::middleware::device;
use crate::state::AppState;
use crate::tokens::{TokenClaims, TokenError, TokenKind, TokenStatus, TokenSubject, token_status};

/// Verifies the access token of a request, which must name a user.
pub(super) fn read(
    app: &AppState,
    request: &HttpRequest,
    token: &str,
) -> Result<TokenClaims, Unauthorized> {
    let read = app
        .tokens
        .read(token, Some(TokenKind::Access), app.clock.now());
    let claims = read.map_err(|error| {
        count_forged(app, request, token);
        Unauthorized::AccessToken(error)
    })?;
    match claims.user_id {
        Some(_) => Ok(claims),
        None => Err(Unauthorized::NoUser),
    }
}

/// Counts a token that a request carries for the audit trail, if none of our keys has signed it.
pub(super) fn count_forged(app: &AppState, request: &HttpRequest, token: &str) {
    if app.tokens.keys().is_forged(token) {
        let key = RefusedKey::TokenSignature;
        let device = device(request, &app.settings.trusted_proxies);
        let refused = AuditEvent::KeyRefused { key };
        app.failures.count(refused, &device, app.clock.now());
    }
}

/// The user that a verified access token names, unless the token has been revoked meanwhile.
pub(super) async fn load_user(database: &Database, claims: TokenClaims) -> Result<User, ApiError> {
    let asked = claims.clone();
    let behind = database
        .read(move |conn| Ok::<_, DbError>(TokenSubject::read(conn, &asked)?))
        .await?;
    check_subject(&claims, behind)
}

/// The user among the rows that a verified access token names, unless the token has been revoked.
pub(super) fn check_subject(claims: &TokenClaims, behind: TokenSubject) -> Result<User, ApiError> {
    if behind.user.is_none() && claims.ver.is_some() {
        warn_of_unknown("the account of an access token");
    }
    let user = behind.user.ok_or(Unauthorized::UserNotFound)?;
    if !user.is_active {
        return Err(Unauthorized::UserInactive.into());
    }
    match token_status(claims, &user) {
        TokenStatus::Valid if behind.session_is_revoked || behind.family_is_revoked => {
            Err(Unauthorized::AccessToken(TokenError::Blacklisted).into())
        }
        TokenStatus::Valid => Ok(user),
        TokenStatus::Revoked => Err(Unauthorized::PasswordChanged.into()),
        TokenStatus::Foreign => Err(Unauthorized::AccessToken(TokenError::Invalid).into()),
    }
}
