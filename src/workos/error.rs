//! WorkOS's errors, as one type that keeps WorkOS's own code.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::step::NextStep;
use super::wire::WorkosErrorBody;
use crate::http_client::{is_code, may_pass};

/// What a code of ours begins with, where WorkOS sent none; the status follows.
const NO_CODE: &str = "http_";

/// Why WorkOS did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkosError {
    /// WorkOS answered, and refused. Asking again brings the same answer.
    #[error("WorkOS refused with {status} {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// WorkOS's own code, such as `invalid_grant`; `http_403` where it sent none.
        code: String,
        /// WorkOS's sentence for developers.
        message: String,
        /// The way on, where this ends no sign-in and only stops it.
        next: Option<Box<NextStep>>,
    },
    /// WorkOS could not be reached, was busy, or broke off: 408, 429, 5xx, a timeout, half a body.
    #[error("WorkOS is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// How long WorkOS asks to wait.
        retry_after: Option<Duration>,
        /// Whether WorkOS may have done what it was asked: only its answer is missing.
        lost: bool,
    },
}

impl WorkosError {
    /// No answer, or none that can be read.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
            lost: true,
        }
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
                // A gateway's word for it that it has heard nothing.
                lost: matches!(
                    status,
                    StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                ),
            };
        }
        let whole: Value = serde_json::from_slice(body).unwrap_or_default();
        let body: WorkosErrorBody = serde_json::from_value(whole.clone()).unwrap_or_default();
        let code = body.code.or(body.error).filter(|code| is_code(code));
        let code = code.or_else(|| NextStep::code_of(&whole).map(str::to_owned));
        Self::Refused {
            status: status.as_u16(),
            next: NextStep::read(code.as_deref(), &whole).map(Box::new),
            code: code.unwrap_or_else(|| format!("{NO_CODE}{}", status.as_u16())),
            message: body.message.or(body.error_description).unwrap_or_default(),
        }
    }

    /// How long WorkOS asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Refused { .. } => None,
        }
    }

    /// Whether WorkOS may have done what it was asked.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Unavailable { lost: true, .. })
    }

    /// The same where the answer to an earlier try may have been lost.
    pub(super) fn or_lost(mut self, before: bool) -> Self {
        if let Self::Unavailable { lost, .. } = &mut self {
            *lost |= before;
        }
        self
    }

    /// The way on with an unfinished sign-in.
    pub fn next_step(&self) -> Option<&NextStep> {
        match self {
            Self::Refused { next, .. } => next.as_deref(),
            Self::Unavailable { .. } => None,
        }
    }

    /// Whether a firewall or a proxy on the way made this refusal: WorkOS's own have a code or a message.
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Refused { code, message, .. } => code.starts_with(NO_CODE) && message.is_empty(),
            Self::Unavailable { .. } => false,
        }
    }

    /// Whether our own API key or client id was refused, which only an operator can mend.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                *status == 401 || matches!(code.as_str(), "invalid_client" | "unauthorized_client")
            }
            Self::Unavailable { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> (String, String) {
        let status = StatusCode::from_u16(status).unwrap();
        match WorkosError::from_answer(status, None, body.as_bytes()) {
            WorkosError::Refused { code, message, .. } => (code, message),
            WorkosError::Unavailable { reason, .. } => panic!("{reason}"),
        }
    }

    #[test]
    fn all_three_shapes_keep_the_code() {
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
    fn a_firewalls_page_is_no_word_of_workoss() {
        for (body, foreign) in [
            ("<html>Blocked</html>", true),
            ("", true),
            ("{}", true),
            (r#"{"message":"m"}"#, false),
            (r#"{"error":"invalid_grant"}"#, false),
        ] {
            let error = WorkosError::from_answer(StatusCode::FORBIDDEN, None, body.as_bytes());
            assert_eq!(error.is_foreign(), foreign, "{body}");
        }
    }

    #[test]
    fn what_may_pass_by_itself_is_unavailable() {
        for status in [408, 429, 500, 502, 503, 504, 302] {
            let status = StatusCode::from_u16(status).unwrap();
            let wait = Some(Duration::from_secs(7));
            let error = WorkosError::from_answer(status, wait, b"{}");
            assert!(
                matches!(error, WorkosError::Unavailable { retry_after, .. } if retry_after == wait)
            );
        }
    }

    #[test]
    fn a_gateway_does_not_know_what_became_of_the_request() {
        for (status, lost) in [(502, true), (504, true), (503, false), (429, false)] {
            let code = StatusCode::from_u16(status).unwrap();
            let error = WorkosError::from_answer(code, None, b"");
            assert_eq!(error.is_lost(), lost, "{status}");
        }
    }
}
