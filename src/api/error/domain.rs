//! Conversions from the errors of the domain to API errors.

use super::{ApiError, Unauthorized};
use crate::accounts::CredentialError;
use crate::error::Error;
use crate::http::form_data::FormError;
use crate::origin::Origin;
use crate::renewal::TokenRefreshError;
use crate::sign_in::PasswordTokenError;
use crate::tokens::{IssueError, RefreshError, TokenError};

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        Self::Parse(error.to_string())
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Database(error) => error.into(),
            IssueError::Signing(_) | IssueError::Randomness(_) | IssueError::Sealing(_) => {
                Self::internal("issue tokens", error)
            }
        }
    }
}

impl From<CredentialError> for ApiError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Refused(_) => Unauthorized::NoActiveAccount.into(),
            CredentialError::TooManySignIns(seconds) => Error::Throttled(seconds).into(),
            CredentialError::Overloaded(error) => Self::Other(error.into()),
            CredentialError::Hash(error) => Self::internal("hash a password", error),
            CredentialError::Database(error) => error.into(),
        }
    }
}

impl From<PasswordTokenError> for ApiError {
    fn from(error: PasswordTokenError) -> Self {
        match error {
            PasswordTokenError::Credentials(error) => error.into(),
            PasswordTokenError::NotIssued(error) => error.into(),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Token(error) => Unauthorized::Token(error).into(),
            RefreshError::NoActiveAccount => Unauthorized::NoActiveAccountForToken.into(),
            RefreshError::PasswordChanged => Unauthorized::PasswordChanged.into(),
            RefreshError::NotIssued(error) => error.into(),
        }
    }
}

impl ApiError {
    /// The error for a refused refresh token.
    pub fn refresh(error: TokenRefreshError, site: &Origin) -> Self {
        match error {
            TokenRefreshError::Token(error) => error.into(),
            TokenRefreshError::SessionEnded => Self::session_over(site),
            TokenRefreshError::OtherSession => Unauthorized::Token(TokenError::Invalid).into(),
            TokenRefreshError::Unchecked(error) => error.into(),
        }
    }
}
