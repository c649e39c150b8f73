//! Whether an account still accepts a token that was issued for it.

use diesel::QueryResult;

use super::claims::TokenClaims;
use super::family::family_is_revoked;
use crate::accounts::User;
use crate::db::Conn;
use crate::sessions::SessionRow;

/// The rows that a token names.
pub struct TokenSubject {
    /// The token's account, active or not.
    pub user: Option<User>,
    /// Whether the WorkOS session of the token was revoked.
    pub session_is_revoked: bool,
    /// Whether the family of an access token was revoked. simplejwt's `verify` accepts it all the same.
    pub family_is_revoked: bool,
}

impl TokenSubject {
    /// Reads the rows that a token names.
    pub fn read(conn: &mut Conn, claims: &TokenClaims) -> QueryResult<Self> {
        let user = claims.user(conn)?;
        let family_is_revoked = match &user {
            Some(user) => family_is_revoked(conn, claims, user.id)?,
            None => false,
        };
        let session_is_revoked = match &claims.sid {
            Some(sid) => SessionRow::workos_session_is_revoked(conn, sid)?,
            None => false,
        };
        Ok(Self {
            user,
            session_is_revoked,
            family_is_revoked,
        })
    }
}

/// Whether an account accepts a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStatus {
    /// The account accepts the token.
    Valid,
    /// The account's password was changed, or the user signed out everywhere, after the token was issued.
    Revoked,
    /// Another program issued the token, and this account was not imported from it.
    Foreign,
}

/// Compares the token's `ver` with the account's `token_version`. A token without `ver` is Django's. Its
/// user id means this account only if `import-django` imported the account.
pub fn token_status(claims: &TokenClaims, user: &User) -> TokenStatus {
    match claims.ver {
        Some(version) if version == user.token_version => TokenStatus::Valid,
        Some(_) => TokenStatus::Revoked,
        None if !user.imported => TokenStatus::Foreign,
        None if user.token_version == 0 => TokenStatus::Valid,
        None => TokenStatus::Revoked,
    }
}
