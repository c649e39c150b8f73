//! Why a refresh token is refused.

use super::claims::TokenError;
use super::signing::IssueError;
use crate::db::DbError;
use crate::random::RandomnessError;

/// Why a refresh token is refused.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is invalid, expired, replaced or revoked.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token's account is inactive or deleted.
    #[error("the token's account is inactive or does not exist")]
    NoActiveAccount,
    /// The password was changed, or the user signed out everywhere, after the token was issued.
    #[error("the password was changed after the token was issued")]
    PasswordChanged,
    /// Internal failure.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
}

impl From<RandomnessError> for RefreshError {
    fn from(error: RandomnessError) -> Self {
        Self::NotIssued(error.into())
    }
}

impl From<diesel::result::Error> for RefreshError {
    fn from(error: diesel::result::Error) -> Self {
        Self::NotIssued(error.into())
    }
}

impl From<DbError> for RefreshError {
    fn from(error: DbError) -> Self {
        Self::NotIssued(error.into())
    }
}
