//! Why a provider's code led to nobody.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::http_client::{is_code, may_pass};

/// Why a provider's code led to nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider answered, and refused. Asking again brings the same answer.
    #[error("the provider refused with {status} {code}: {description:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The provider's own code, such as `invalid_grant`; `http_403` where it sent none.
        code: String,
        /// The provider's sentence for developers.
        description: String,
    },
    /// The provider's ID token is not to be believed, or is not there.
    #[error("the provider's ID token is not good: {0}")]
    IdToken(String),
    /// The provider could not be reached, was busy, or made no sense.
    #[error("the provider is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
}

/// RFC 6749, 5.2.
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

    /// Reads an answer that is no success.
    pub(super) fn from_answer(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        if may_pass(status) {
            return Self::Unavailable {
                reason: format!("it answered {status}"),
                retry_after,
            };
        }
        let body: OidcErrorBody = serde_json::from_slice(body).unwrap_or_default();
        Self::Refused {
            status: status.as_u16(),
            code: body
                .error
                .filter(|code| is_code(code))
                .unwrap_or_else(|| format!("http_{}", status.as_u16())),
            description: body.error_description.unwrap_or_default(),
        }
    }

    /// Whether our own client id or secret was refused, which only an operator can mend.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                *status == 401 || matches!(code.as_str(), "invalid_client" | "unauthorized_client")
            }
            Self::IdToken(_) | Self::Unavailable { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> OidcError {
        let status = StatusCode::from_u16(status).unwrap();
        OidcError::from_answer(status, Some(Duration::from_secs(7)), body.as_bytes())
    }

    #[test]
    fn a_refusal_keeps_its_code_where_it_is_one() {
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
    fn what_may_pass_by_itself_is_unavailable() {
        for status in [302, 408, 429, 500, 503] {
            let wait = match read(status, "{}") {
                OidcError::Unavailable { retry_after, .. } => retry_after,
                other => panic!("{other}"),
            };
            assert_eq!(wait, Some(Duration::from_secs(7)), "{status}");
        }
    }
}
