//! Gives out a pair: a refresh token with a row, and its access token.

use std::fmt;

use serde_json::Map;

use super::refresh_token::of_session;
use super::{Actor, Claims, IssueError, Kind, RefreshTokenRow, Tokens};
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::Conn;

/// An access and a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Opens the API.
    pub access: String,
    /// Gets the next access token.
    pub refresh: String,
}

/// Tokens are secrets: only that they are there is shown.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// For whom a pair is given out.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// WorkOS's session behind the sign-in.
    pub sid: Option<String>,
    /// The browser session behind it, for where WorkOS has none.
    pub session: Option<String>,
    /// Who is really acting, in an impersonated session.
    pub act: Option<Actor>,
    /// No refresh token lives longer: the end of the browser session, or of an impersonation.
    pub not_after: Option<Timestamp>,
}

impl Tokens {
    /// Gives out the first pair of a family. To be called inside the transaction that signs in.
    pub fn issue(
        &self,
        conn: &mut Conn,
        user: &User,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Pair, IssueError> {
        let last = now.plus(self.family_lifetime);
        let last = grant.not_after.map_or(last, |end| end.min(last));
        let local = grant.session.as_deref().map(of_session);
        let stands_on = grant.sid.clone().or(local);
        let claims = Claims {
            token_type: Kind::Refresh.as_str(),
            exp: now.plus(self.refresh_lifetime).min(last).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: Some(user.id.to_string()),
            sid: grant.sid,
            ver: Some(user.token_version),
            act: grant.act,
            aud: None,
            iss: None,
            other: Map::new(),
        };
        let row = RefreshTokenRow {
            sid: stands_on,
            ..RefreshTokenRow::of(&claims, &claims.jti, user.id, last)
        };
        row.insert(conn)?;
        self.pair(&claims, now)
    }

    /// Signs a refresh token and its access token.
    pub(super) fn pair(&self, refresh: &Claims, now: Timestamp) -> Result<Pair, IssueError> {
        Ok(Pair {
            access: self.access(refresh, now)?,
            refresh: self.sign(refresh.clone())?,
        })
    }

    /// Signs an access token, which copies the refresh token's own claims, as simplejwt's does. One of
    /// an impersonation does not outlive its refresh token.
    pub(super) fn access(&self, refresh: &Claims, now: Timestamp) -> Result<String, IssueError> {
        let exp = now.plus(self.access_lifetime).seconds();
        self.sign(Claims {
            token_type: Kind::Access.as_str(),
            exp: match refresh.act {
                Some(_) => exp.min(refresh.exp),
                None => exp,
            },
            iat: Some(now.seconds()),
            jti: new_jti()?,
            ..refresh.clone()
        })
    }
}

/// 128 random bits in hexadecimal digits, as `uuid4().hex` writes its own.
pub(super) fn new_jti() -> Result<String, IssueError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
