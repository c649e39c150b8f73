//! The error of the WorkOS client. It keeps WorkOS's error code.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::next_step::NextStep;
use crate::http_client::{ErrorResponse, NO_CODE, RequestError, code_or_status, is_error_code};

/// Why a request to WorkOS failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkosError {
    /// WorkOS refused the request. Repeating it would have the same result.
    #[error("WorkOS refused with {status} {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// WorkOS's error code, such as `invalid_grant`; `http_403` if it sent none.
        code: String,
        /// WorkOS's message for developers.
        message: String,
        /// The step with which the sign-in can be continued, if there is one.
        next: Option<Box<NextStep>>,
    },
    /// WorkOS could not be reached or was overloaded: 408, 429, 5xx, a time-out, an incomplete
    /// response.
    #[error("WorkOS is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// The delay that WorkOS asks for.
        retry_after: Option<Duration>,
        /// Whether WorkOS may have executed the request, so that only its response was lost.
        lost: bool,
    },
}

impl WorkosError {
    /// There was no response, or none that could be read.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
            lost: true,
        }
    }

    /// The request was not sent.
    pub(crate) fn unsent(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
            lost: false,
        }
    }

    /// The delay that WorkOS asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Refused { .. } => None,
        }
    }

    /// Whether WorkOS may have executed the request.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Unavailable { lost: true, .. })
    }

    /// The same error, marked as lost if the response to an earlier attempt may have been lost.
    pub(super) fn or_lost(mut self, earlier: bool) -> Self {
        if let Self::Unavailable { lost, .. } = &mut self {
            *lost |= earlier;
        }
        self
    }

    /// The step with which the sign-in can be continued.
    pub fn next_step(&self) -> Option<&NextStep> {
        match self {
            Self::Refused { next, .. } => next.as_deref(),
            Self::Unavailable { .. } => None,
        }
    }

    /// Whether a firewall or proxy sent the refusal. Refusals by WorkOS contain a code or a
    /// message.
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Refused { code, message, .. } => code.starts_with(NO_CODE) && message.is_empty(),
            Self::Unavailable { .. } => false,
        }
    }

    /// Whether WorkOS, and not a proxy before it, says that the requested object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. }) && !self.is_foreign()
    }

    /// Whether WorkOS refused our API key or client id, which only an operator can correct.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                *status == 401 || matches!(code.as_str(), "invalid_client" | "unauthorized_client")
            }
            Self::Unavailable { .. } => false,
        }
    }
}

impl From<RequestError> for WorkosError {
    fn from(error: RequestError) -> Self {
        let reason = error.to_string();
        match error {
            RequestError::Status(response) if response.is_transient() => Self::Unavailable {
                reason,
                retry_after: response.retry_after,
                // A gateway does not know whether the request reached WorkOS.
                lost: matches!(
                    response.status,
                    StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                ),
            },
            RequestError::Status(response) => refused(&response),
            RequestError::Transport(_) | RequestError::TooLarge => Self::Unavailable {
                reason,
                retry_after: None,
                lost: !error.is_unsent(),
            },
        }
    }
}

/// The body of an error response in its three shapes: `{code, message}`, `{error, error_description}`, `{message}`.
#[derive(Debug, Default, Deserialize)]
struct WorkosErrorBody {
    code: Option<String>,
    message: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

fn refused(response: &ErrorResponse) -> WorkosError {
    let whole: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let body: WorkosErrorBody = serde_json::from_value(whole.clone()).unwrap_or_default();
    let code = body.code.or(body.error).filter(|code| is_error_code(code));
    let code = code.or_else(|| NextStep::code_of(&whole).map(str::to_owned));
    WorkosError::Refused {
        status: response.status.as_u16(),
        next: NextStep::read(response.status, code.as_deref(), &whole).map(Box::new),
        code: code_or_status(code, response.status),
        message: body.message.or(body.error_description).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, retry_after: Option<Duration>, body: &str) -> WorkosError {
        WorkosError::from(RequestError::Status(ErrorResponse {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after,
            body: body.as_bytes().to_vec(),
        }))
    }

    fn refused(status: u16, body: &str) -> (String, String) {
        match read(status, None, body) {
            WorkosError::Refused { code, message, .. } => (code, message),
            WorkosError::Unavailable { reason, .. } => panic!("{reason}"),
        }
    }

    #[test]
    fn the_code_is_read_from_all_three_shapes() {
        assert_eq!(
            refused(403, r#"{"code":"mfa_challenge","message":"m"}"#),
            ("mfa_challenge".into(), "m".into())
        );
        assert_eq!(
            refused(400, r#"{"error":"invalid_grant","error_description":"d"}"#),
            ("invalid_grant".into(), "d".into())
        );
        assert_eq!(
            refused(404, r#"{"message":"m"}"#),
            ("http_404".into(), "m".into())
        );
        assert_eq!(refused(403, "<html>"), ("http_403".into(), String::new()));
        let markup = refused(400, r#"{"code":"<b>","message":"m"}"#);
        assert_eq!(markup, ("http_400".into(), "m".into()));
    }

    #[test]
    fn a_refusal_without_code_and_message_is_not_workoss() {
        for (body, foreign) in [
            ("<html>Blocked</html>", true),
            ("", true),
            ("{}", true),
            (r#"{"message":"m"}"#, false),
            (r#"{"error":"invalid_grant"}"#, false),
        ] {
            let error = read(403, None, body);
            assert_eq!(error.is_foreign(), foreign, "{body}");
        }
    }

    #[test]
    fn transient_statuses_mean_unavailable() {
        for status in [408, 429, 500, 502, 503, 504, 302] {
            let wait = Some(Duration::from_secs(7));
            let error = read(status, wait, "{}");
            assert!(
                matches!(error, WorkosError::Unavailable { retry_after, .. } if retry_after == wait)
            );
        }
    }

    #[test]
    fn the_response_is_lost_if_a_gateway_answers() {
        for (status, lost) in [(502, true), (504, true), (503, false), (429, false)] {
            let error = read(status, None, "");
            assert_eq!(error.is_lost(), lost, "{status}");
        }
    }
}
