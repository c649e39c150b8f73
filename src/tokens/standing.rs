//! Whether an account still stands behind a token that was issued for it.

use super::Claims;
use crate::accounts::User;

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
