//! Access tokens of requests, from the `Authorization` header and from the policy's cookie.

use actix_web::HttpRequest;
use diesel::QueryResult;

use super::ApiError;
use super::api_user::ApiUser;
use super::error::Unauthorized;
use crate::accounts::{User, group_names};
use crate::audit::{AuditEvent, RefusedKey};
use crate::clock::Timestamp;
use crate::database_epoch::warn_of_unknown;
use crate::db::{Conn, Database, DbError};
use crate::ids::{SessionId, WorkosSid};
use crate::middleware::device;
use crate::sessions::{Impersonator, SessionFacts};
use crate::state::AppState;
use crate::tokens::{
    TokenClaims, TokenError, TokenKind, TokenStatus, TokenSubject, session_of_access_token,
    token_status,
};

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
pub(super) async fn load_user(
    database: &Database,
    claims: TokenClaims,
    now: Timestamp,
) -> Result<ApiUser, ApiError> {
    let asked = claims.clone();
    let rows = database
        .read(move |conn| Ok::<_, DbError>(TokenRows::read(conn, &asked, now)?))
        .await?;
    rows.user(&claims)
}

/// What the database says about a verified access token.
pub(super) struct TokenRows {
    pub(super) subject: TokenSubject,
    session: Option<(SessionId, SessionFacts, Option<WorkosSid>)>,
    groups: Vec<String>,
}

impl TokenRows {
    pub(super) fn read(conn: &mut Conn, claims: &TokenClaims, now: Timestamp) -> QueryResult<Self> {
        let subject = TokenSubject::read(conn, claims)?;
        let (session, groups) = match &subject.user {
            Some(user) => (
                session_of_access_token(conn, claims, user, now)?,
                group_names(conn, user.id)?,
            ),
            None => (None, Vec::new()),
        };
        Ok(Self {
            subject,
            session,
            groups,
        })
    }

    /// The user, unless the token has been revoked.
    pub(super) fn user(self, claims: &TokenClaims) -> Result<ApiUser, ApiError> {
        let (session_id, facts, sid) = match self.session {
            Some((id, facts, sid)) => (Some(id), facts, sid),
            None => (None, SessionFacts::default(), None),
        };
        // Another program's claim means nothing here.
        let actor = claims.act.as_ref().filter(|_| claims.ver.is_some());
        Ok(ApiUser {
            user: check_subject(claims, self.subject)?,
            groups: self.groups,
            session_id,
            facts,
            sid,
            impersonator: actor.map(|actor| Impersonator {
                email: actor.sub.clone(),
                reason: None,
            }),
        })
    }
}

/// The user among the rows that a verified access token names, unless the token has been revoked.
fn check_subject(claims: &TokenClaims, behind: TokenSubject) -> Result<User, ApiError> {
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
