//! An answer of a person's: as WorkOS wants it, on its way there, and what was wrong with it.

use crate::state::AppState;
use crate::workos::{
    Authentication, ClientDevice, PendingAuthentication, StepAnswer, StepQuestion, WorkosError,
};

/// WorkOS's codes have six digits.
const LONGEST_CODE: usize = 32;

/// What is wrong with an answer that may be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// It is another code.
    Wrong,
    /// The code was used before.
    Used,
    /// The code has expired, and the authenticator shows the next.
    Stale,
    /// The person does not belong to the organisation.
    NotAMember,
}

impl Slip {
    /// What WorkOS's refusal says of the answer; `None` where no other answer will do.
    pub fn of(question: &StepQuestion, error: &WorkosError) -> Option<Self> {
        let WorkosError::Refused { code, .. } = error else {
            return None;
        };
        match (question, code.as_str()) {
            (
                StepQuestion::Email(_) | StepQuestion::Totp { .. },
                "invalid_one_time_code" | "invalid_code" | "invalid_credentials",
            ) => Some(Self::Wrong),
            (StepQuestion::Totp { .. }, "one_time_code_previously_used") => Some(Self::Used),
            (StepQuestion::Totp { .. }, "one_time_code_expired") => Some(Self::Stale),
            (StepQuestion::Organization(_), code) if is_no_membership(code) => {
                Some(Self::NotAMember)
            }
            _ => None,
        }
    }
}

/// Passes an answer on to WorkOS. For an authenticator's code a challenge is opened first, unless
/// there is one.
pub async fn answer(
    app: &AppState,
    pending: &PendingAuthentication,
    given: &str,
    challenge_id: Option<&str>,
    device: &ClientDevice,
) -> Result<Authentication, WorkosError> {
    let opened;
    let answer = match &pending.question {
        StepQuestion::Organization(_) => StepAnswer::Organization(given),
        StepQuestion::Email(_) => StepAnswer::EmailCode(given),
        StepQuestion::Totp {
            factor_id,
            challenge_id: known,
        } => {
            opened = match (challenge_id, factor_id) {
                (Some(id), _) => id.to_owned(),
                (None, Some(factor_id)) => app.workos.create_challenge(factor_id).await?,
                (None, None) => known.clone().unwrap_or_default(),
            };
            StepAnswer::TotpCode {
                code: given,
                challenge_id: &opened,
            }
        }
    };
    let token = &pending.token;
    app.workos
        .authenticate_with_step(token, answer, device)
        .await
}

/// Whether WorkOS says so that the person does not belong to the organisation. It has a code for that,
/// and answers 404 without a telling one for an organisation that is gone.
pub fn is_no_membership(code: &str) -> bool {
    matches!(
        code,
        "http_404"
            | "entity_not_found"
            | "organization_not_found"
            | "organization_membership_not_found"
            | "invalid_organization_id"
    )
}

/// A code as people type it, `123 456`, as WorkOS wants it; `None` where it is no code at all.
pub fn code(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric());
    (!code.is_empty() && code.len() <= LONGEST_CODE && plain).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["123456", " 123 456 ", "123-456", "123\u{a0}456\n"] {
            assert_eq!(code(typed).as_deref(), Some("123456"), "{typed:?}");
        }
        for typed in ["", " ", "-", "123\u{0}456", "١٢٣٤٥٦", &"1".repeat(33)] {
            assert_eq!(code(typed), None, "{typed:?}");
        }
    }
}
