//! Whether an account still stands behind a token that was issued for it.

use diesel::QueryResult;

use super::Claims;
use crate::accounts::User;
use crate::db::Conn;
use crate::sessions::SessionRow;

/// What the database has behind a token.
pub struct Behind {
    /// Its account, closed or not.
    pub user: Option<User>,
    /// Whether WorkOS's session that it names has been ended here.
    pub session_is_over: bool,
}

impl Behind {
    /// Looks for what a token names.
    pub fn read(conn: &mut Conn, claims: &Claims) -> QueryResult<Self> {
        let user = match claims.user() {
            Some(id) => User::by_id(conn, id)?,
            None => None,
        };
        let session_is_over = match &claims.sid {
            Some(sid) => SessionRow::is_over(conn, sid)?,
            None => false,
        };
        Ok(Self {
            user,
            session_is_over,
        })
    }
}

/// What an account is to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It stands behind it.
    Good,
    /// Its password was changed, or it signed out everywhere, since.
    Ended,
    /// The token is another program's, and this account was never that program's.
    Foreign,
}

/// Compares the token's `ver` with the account's `token_version`. A token without one is Django's:
/// its number means this account only where `import-django` brought it.
pub fn stands_for(claims: &Claims, user: &User) -> Standing {
    match claims.ver {
        Some(version) if version == user.token_version => Standing::Good,
        Some(_) => Standing::Ended,
        None if !user.imported => Standing::Foreign,
        None if user.token_version == 0 => Standing::Good,
        None => Standing::Ended,
    }
}
