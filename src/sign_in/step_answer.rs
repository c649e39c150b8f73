//! A user's answer to a step of a sign-in: its format, sending it to WorkOS, and why WorkOS rejects it.

use super::service::SignInService;
use crate::workos::{
    Authentication, ClientDevice, PendingAuthentication, StepAnswer, StepQuestion, WorkosError,
};

/// The longest code that is sent to WorkOS, whose own codes have six digits.
const MAX_CODE: usize = 32;

/// Why WorkOS rejected an answer. The user can give another answer to the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRejection {
    /// The code is wrong.
    WrongCode,
    /// The code was used before.
    UsedCode,
    /// The code has expired; the authenticator shows a new one.
    ExpiredCode,
    /// The user is not a member of the organisation.
    NotAMember,
}

impl StepRejection {
    /// Reads WorkOS's error. Returns `None` if no other answer to this question can succeed.
    pub fn from_error(question: &StepQuestion, error: &WorkosError) -> Option<Self> {
        let WorkosError::Refused { code, .. } = error else {
            return None;
        };
        match (question, code.as_str()) {
            (
                StepQuestion::Email(_) | StepQuestion::Totp { .. },
                "invalid_one_time_code" | "invalid_code" | "invalid_credentials",
            ) => Some(Self::WrongCode),
            (StepQuestion::Totp { .. }, "one_time_code_previously_used") => Some(Self::UsedCode),
            (StepQuestion::Totp { .. }, "one_time_code_expired") => Some(Self::ExpiredCode),
            (StepQuestion::Organization(_), code) if is_not_a_member_code(code) => {
                Some(Self::NotAMember)
            }
            _ => None,
        }
    }
}

impl SignInService {
    /// Sends an answer to WorkOS. For an authenticator's code a challenge is opened first, unless
    /// there is one.
    pub async fn answer_step(
        &self,
        pending: &PendingAuthentication,
        answer: &str,
        challenge_id: Option<&str>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let workos = &self.services.workos;
        let challenge;
        let answer = match &pending.question {
            StepQuestion::Organization(_) => StepAnswer::Organization(answer),
            StepQuestion::Email(_) => StepAnswer::EmailCode(answer),
            StepQuestion::Totp {
                factor_id,
                challenge_id: known,
            } => {
                challenge = match (challenge_id, factor_id) {
                    (Some(id), _) => id.to_owned(),
                    (None, Some(factor_id)) => workos.create_challenge(factor_id).await?,
                    (None, None) => known.clone().unwrap_or_default(),
                };
                StepAnswer::TotpCode {
                    code: answer,
                    challenge_id: &challenge,
                }
            }
        };
        workos
            .authenticate_with_step(&pending.token, answer, device)
            .await
    }
}

/// Whether this error code of WorkOS says that the user is not a member of the organisation. WorkOS
/// has a code for this, but responds to a deleted organisation with a 404 and a generic code.
pub fn is_not_a_member_code(code: &str) -> bool {
    matches!(
        code,
        "http_404"
            | "entity_not_found"
            | "organization_not_found"
            | "organization_membership_not_found"
            | "invalid_organization_id"
    )
}

/// Removes the separators that users type in a code, as in `123 456`. Returns `None` if the text
/// cannot be a code.
pub fn normalize_code(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    let is_alphanumeric = code.chars().all(|c| c.is_ascii_alphanumeric());
    (!code.is_empty() && code.len() <= MAX_CODE && is_alphanumeric).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_a_code_are_removed() {
        for typed in ["123456", " 123 456 ", "123-456", "123\u{a0}456\n"] {
            assert_eq!(
                normalize_code(typed).as_deref(),
                Some("123456"),
                "{typed:?}"
            );
        }
        for typed in ["", " ", "-", "123\u{0}456", "١٢٣٤٥٦", &"1".repeat(33)] {
            assert_eq!(normalize_code(typed), None, "{typed:?}");
        }
    }
}
