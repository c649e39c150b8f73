//! The error of the OpenID Connect client.

use std::time::Duration;

use serde::Deserialize;

use crate::http_client::{ErrorResponse, RequestError, code_or_status, is_error_code};

/// Why a provider's authorization code did not identify a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider refused the request. Repeating it would have the same result.
    #[error("the provider refused with {status} {code}: {description:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The provider's error code, such as `invalid_grant`; `http_403` if it sent none.
        code: String,
        /// The provider's description for developers.
        description: String,
    },
    /// The provider's ID token is invalid or missing.
    #[error("the provider's ID token is invalid: {0}")]
    IdToken(String),
    /// The provider could not be reached, was overloaded, or sent an unreadable response.
    #[error("the provider is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// The delay that it asks for.
        retry_after: Option<Duration>,
    },
}

/// An error response (RFC 6749, 5.2).
#[derive(Default, Deserialize)]
struct OidcErrorBody {
    error: Option<String>,
    error_description: Option<String>,
}

impl OidcError {
    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    pub(super) fn id_token(problem: impl Into<String>) -> Self {
        Self::IdToken(problem.into())
    }

    /// Whether the provider refused our client id or secret, which only an operator can correct.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                *status == 401 || matches!(code.as_str(), "invalid_client" | "unauthorized_client")
            }
            Self::IdToken(_) | Self::Unavailable { .. } => false,
        }
    }
}

impl From<RequestError> for OidcError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Status(response) if !response.is_transient() => refused(&response),
            RequestError::Status(ErrorResponse { retry_after, .. }) => Self::Unavailable {
                reason: error.to_string(),
                retry_after,
            },
            RequestError::Transport(_) | RequestError::TooLarge => {
                Self::unavailable(error.to_string())
            }
        }
    }
}

fn refused(response: &ErrorResponse) -> OidcError {
    let body: OidcErrorBody = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = body.error.filter(|code| is_error_code(code));
    OidcError::Refused {
        status: response.status.as_u16(),
        code: code_or_status(code, response.status),
        description: body.error_description.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn read(status: u16, body: &str) -> OidcError {
        OidcError::from(RequestError::Status(ErrorResponse {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some(Duration::from_secs(7)),
            body: body.as_bytes().to_vec(),
        }))
    }

    #[test]
    fn a_refusal_keeps_the_code_if_it_is_valid() {
        let code = |status, body| match read(status, body) {
            OidcError::Refused { code, .. } => code,
            other => panic!("{other}"),
        };
        assert_eq!(code(400, r#"{"error":"invalid_grant"}"#), "invalid_grant");
        assert_eq!(code(401, r#"{"error":"<b>"}"#), "http_401");
        assert_eq!(code(403, "<html>"), "http_403");
        assert!(read(401, "").is_misconfiguration());
        assert!(!read(400, r#"{"error":"invalid_grant"}"#).is_misconfiguration());
    }

    #[test]
    fn transient_statuses_mean_unavailable() {
        for status in [302, 408, 429, 500, 503] {
            let wait = match read(status, "{}") {
                OidcError::Unavailable { retry_after, .. } => retry_after,
                other => panic!("{other}"),
            };
            assert_eq!(wait, Some(Duration::from_secs(7)), "{status}");
        }
    }
}
