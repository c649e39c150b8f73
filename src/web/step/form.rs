//! Reads the answer from the form of a step, and words the errors.

use crate::sign_in::{StepRejection, normalize_code};
use crate::web::form::{Form, field_error};
use crate::workos::StepQuestion;

const NO_CODE: &str = "Enter the code exactly as you received it.";
const WRONG_CODE: &str = "This code is not right. Check it and try again.";
const USED_CODE: &str = "This code has already been used. Wait for the next one.";
const EXPIRED_CODE: &str = "This code has expired. Enter the current one.";
const NOT_LISTED: &str = "Choose one of your organisations.";
const NOT_A_MEMBER: &str = "You can no longer sign in to this organisation. Choose another one.";

/// The form's error after WorkOS has rejected an answer.
pub(super) fn rejection_message(rejection: StepRejection) -> &'static str {
    match rejection {
        StepRejection::WrongCode => WRONG_CODE,
        StepRejection::UsedCode => USED_CODE,
        StepRejection::ExpiredCode => EXPIRED_CODE,
        StepRejection::NotAMember => NOT_A_MEMBER,
    }
}

/// The answer in a form whose sign-in has ended, so that its question is not known any more.
pub(super) fn repeated_answer(form: &Form) -> String {
    let organization = form.value("organization_id").map(str::to_owned);
    let code = || normalize_code(form.value("code")?.trim());
    organization.or_else(code).unwrap_or_default()
}

/// The answer for WorkOS, or the form's error.
pub(super) fn answer_in(form: &Form, question: &StepQuestion) -> Result<String, String> {
    match question {
        StepQuestion::Organization(organizations) => {
            let id = form.value("organization_id").unwrap_or_default();
            let listed = organizations.iter().any(|one| *one.id == *id);
            match field_error(id) {
                None if !listed => Err(NOT_LISTED.to_owned()),
                None => Ok(id.to_owned()),
                Some(_) if id.is_empty() => Err(NOT_LISTED.to_owned()),
                Some(error) => Err(error),
            }
        }
        StepQuestion::Email(_) | StepQuestion::Totp { .. } => {
            let typed = form.value("code").unwrap_or_default().trim();
            match field_error(typed) {
                Some(error) => Err(error),
                None => normalize_code(typed).ok_or_else(|| NO_CODE.to_owned()),
            }
        }
    }
}
