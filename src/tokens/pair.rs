//! Issues a pair of tokens: a refresh token with its row, and an access token.

use std::fmt;

use serde_json::{Map, Value};

use super::application_claims::{EMAIL_VERIFIED, read_application_claims};
use super::claims::{Actor, TokenClaims, TokenKind};
use super::jti::{new_access_jti, new_jti};
use super::refresh_token::RefreshTokenRow;
use super::signing::{IssueError, Tokens};
use crate::accounts::{SignInMethod, User};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::TokenSession;
use crate::settings::ApplicationClaim;

/// An access and a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// Tokens are secrets, so their values are not shown.
impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").finish_non_exhaustive()
    }
}

/// What a pair is issued for.
#[derive(Clone, Debug, Default)]
pub struct TokenGrant {
    /// The WorkOS session of the sign-in.
    pub sid: Option<WorkosSid>,
    /// The browser session of the sign-in. The tokens end with it if WorkOS has no session.
    pub session: Option<SessionId>,
    /// The impersonator, in an impersonated session.
    pub act: Option<Actor>,
    /// The latest end of a refresh token: the end of the browser session, or of an impersonation.
    pub not_after: Option<Timestamp>,
    /// How the user signed in, if neither with WorkOS nor in a browser session.
    pub sign_in_method: Option<SignInMethod>,
}

impl Tokens {
    /// Issues the first pair of a family. Call it inside the transaction that signs in.
    pub fn issue(
        &self,
        conn: &mut Conn,
        user: &User,
        grant: TokenGrant,
        now: Timestamp,
    ) -> Result<TokenPair, IssueError> {
        let last = now.plus(self.family_lifetime);
        let last = grant.not_after.map_or(last, |end| end.min(last));
        let session = TokenSession {
            id: grant.session.as_ref(),
            sid: grant.sid.as_ref(),
        };
        let wanted = &self.application_claims;
        let application = read_application_claims(conn, wanted, user, &session, now)?;
        let session_id = match grant.sid {
            Some(_) => None,
            None => grant.session,
        };
        let claims = TokenClaims {
            token_type: TokenKind::Refresh.as_str(),
            exp: now.plus(self.refresh_lifetime).min(last).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: Some(user.key().to_string()),
            sid: grant.sid,
            ver: Some(user.token_version),
            act: grant.act,
            aud: None,
            iss: None,
            binding: None,
            other: Map::new(),
        };
        let (sign_in_method, sign_in_subject) =
            grant.sign_in_method.map(SignInMethod::columns).unzip();
        let row = RefreshTokenRow {
            session_id,
            sign_in_method,
            sign_in_subject: sign_in_subject.flatten(),
            ..RefreshTokenRow::from_claims(&claims, &claims.jti, Some(user.id), last)
        };
        row.insert(conn)?;
        self.pair(&claims, &claims.jti, application, now)
    }

    /// Signs a refresh token and its access token, which gets the claims `application` too.
    pub(super) fn pair(
        &self,
        refresh: &TokenClaims,
        family: &str,
        application: Map<String, Value>,
        now: Timestamp,
    ) -> Result<TokenPair, IssueError> {
        Ok(TokenPair {
            access: self.access(refresh, family, application, now)?,
            refresh: self.sign(refresh.clone())?,
        })
    }

    /// Signs an access token with the other claims of its refresh token, as simplejwt does, and with the
    /// claims `application`. A claim of the refresh token that `TOKEN_CLAIMS` names is left out: another program
    /// wrote it. The access token of an impersonation does not outlive its refresh token.
    pub(super) fn access(
        &self,
        refresh: &TokenClaims,
        family: &str,
        application: Map<String, Value>,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let mut other = refresh.other.clone();
        for claim in &self.application_claims {
            other.remove(claim.name());
            if *claim == ApplicationClaim::Email {
                other.remove(EMAIL_VERIFIED);
            }
        }
        other.extend(application);
        let exp = now.plus(self.access_lifetime).seconds();
        self.sign(TokenClaims {
            token_type: TokenKind::Access.as_str(),
            exp: match refresh.act {
                Some(_) => exp.min(refresh.exp),
                None => exp,
            },
            iat: Some(now.seconds()),
            jti: new_access_jti(family)?,
            other,
            ..refresh.clone()
        })
    }
}
