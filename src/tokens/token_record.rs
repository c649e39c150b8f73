//! What the database stores about a token, and what a refresh token depends on.

use serde_json::{Map, Value};

use super::application_claims::read_application_claims;
use super::claims::{TokenClaims, TokenError};
use super::refresh_error::RefreshError;
use super::refresh_token::RefreshTokenRow;
use super::status::{TokenStatus, TokenSubject, token_status};
use crate::accounts::{SignInMethod, User};
use crate::clock::Timestamp;
use crate::database_epoch::warn_of_unknown;
use crate::db::{Database, DbError};
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::TokenSession;
use crate::settings::ApplicationClaim;

/// What a valid refresh token depends on.
#[derive(Clone, Debug)]
pub struct RefreshSubject {
    /// The token's account.
    pub user: User,
    /// The family, which ends with what it depends on.
    pub family: String,
    /// The WorkOS session of the sign-in.
    pub sid: Option<WorkosSid>,
    /// The browser session of the sign-in, if WorkOS has no session for it.
    pub session_id: Option<SessionId>,
    /// How the user signed in, if neither with WorkOS nor in a browser session.
    pub sign_in_method: Option<SignInMethod>,
    /// Whether another program issued the token. It knows nothing of our sessions.
    pub is_foreign: bool,
}

/// What the database stores about a token.
pub(super) struct TokenRecord {
    subject: TokenSubject,
    row: Option<RefreshTokenRow>,
    application: Map<String, Value>,
}

/// What the database stores about a refresh token that may be exchanged.
pub(super) struct ExchangeableToken {
    /// The account. As in simplejwt, a refresh token without a user has no account to ask.
    pub(super) user: Option<User>,
    pub(super) row: Option<RefreshTokenRow>,
    /// The claims of `TOKEN_CLAIMS` for the next access token.
    pub(super) application: Map<String, Value>,
}

impl RefreshSubject {
    pub(super) fn new(claims: &TokenClaims, user: User, row: Option<&RefreshTokenRow>) -> Self {
        Self {
            user,
            family: row.map_or(&claims.jti, |row| &row.family).clone(),
            sid: current_sid(claims, row),
            session_id: row.and_then(|row| row.session_id.clone()),
            sign_in_method: row.and_then(RefreshTokenRow::method),
            is_foreign: claims.ver.is_none(),
        }
    }
}

/// The WorkOS session of a token; a token of another program has none. The row knows it if WorkOS has given the
/// session another id since the token was issued.
pub(super) fn current_sid(
    claims: &TokenClaims,
    row: Option<&RefreshTokenRow>,
) -> Option<WorkosSid> {
    claims.ver?;
    row.map_or_else(|| claims.sid.clone(), |row| row.sid.clone())
}

impl TokenRecord {
    /// Reads what the database stores about a token, and these claims of its next access token.
    pub(super) async fn read(
        database: &Database,
        claims: &TokenClaims,
        wanted: &[ApplicationClaim],
        now: Timestamp,
    ) -> Result<Self, DbError> {
        let (claims, wanted) = (claims.clone(), wanted.to_vec());
        database
            .read(move |conn| {
                let subject = TokenSubject::read(conn, &claims)?;
                let row = RefreshTokenRow::by_jti(conn, &claims.jti)?;
                let sid = current_sid(&claims, row.as_ref());
                let session = TokenSession {
                    id: row.as_ref().and_then(|row| row.session_id.as_ref()),
                    sid: sid.as_ref(),
                };
                let application = match &subject.user {
                    Some(user) => read_application_claims(conn, &wanted, user, &session, now)?,
                    None => Map::new(),
                };
                Ok::<_, DbError>(Self {
                    subject,
                    row,
                    application,
                })
            })
            .await
    }

    /// Whether a replay of the token may still get its successor.
    pub(super) fn has_successor(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.successor.is_some())
    }

    /// Whether the token was revoked or replaced, or its session has ended.
    pub(super) fn is_blacklisted(&self) -> bool {
        let is_replaced = |row: &RefreshTokenRow| row.consumed_at.is_some();
        self.is_revoked() || self.row.as_ref().is_some_and(is_replaced)
    }

    fn is_revoked(&self) -> bool {
        let is_revoked = |row: &RefreshTokenRow| row.revoked_at.is_some();
        self.subject.session_is_revoked || self.row.as_ref().is_some_and(is_revoked)
    }

    /// Checks that the account, the session and the row accept the token.
    pub(super) fn check(
        self,
        claims: &TokenClaims,
        now: Timestamp,
    ) -> Result<ExchangeableToken, RefreshError> {
        if self.is_revoked() {
            return Err(TokenError::Blacklisted.into());
        }
        if claims.names_user() && claims.ver.is_some() && self.subject.user.is_none() {
            warn_of_unknown("the account of a refresh token");
        }
        let user = match claims.names_user() {
            true => {
                let user = self.subject.user.filter(|user| user.is_active);
                Some(user.ok_or(RefreshError::NoActiveAccount)?)
            }
            false => None,
        };
        match user.as_ref().map(|user| token_status(claims, user)) {
            None | Some(TokenStatus::Valid) => {}
            Some(TokenStatus::Revoked) => return Err(RefreshError::PasswordChanged),
            Some(TokenStatus::Foreign) => return Err(TokenError::Invalid.into()),
        }
        let is_imported = user.as_ref().is_some_and(|user| user.imported);
        if self.row.is_none() && claims.ver.is_some() && !is_imported {
            // Every refresh token that was issued here has a row until it expires. For an imported user,
            // Django may have rotated a token that was issued here, and it keeps the claim `ver`.
            warn_of_unknown("a refresh token");
            return Err(TokenError::Invalid.into());
        }
        let last = self.row.as_ref().and_then(|row| row.family_expires_at);
        if last.is_some_and(|last| last <= now) {
            // The `exp` of Django's token may be later than the end of its family here.
            return Err(TokenError::Expired.into());
        }
        Ok(ExchangeableToken {
            user,
            row: self.row,
            application: self.application,
        })
    }
}
