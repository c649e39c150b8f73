//! The errors of the forms that take a code of the second factor.

use crate::accounts::second_factor::CodeRejection;
use crate::error::Error;

/// The form's error for a wrong code.
pub const WRONG_CODE: &str = "This code is not right. Check it and try again.";
const USED_CODE: &str = "This code has already been used. Wait for the next one.";
const SECRET_LOST: &str = "The codes of your authenticator app cannot be checked. Use a recovery code, or ask the people who run this site to reset your authenticator app.";

/// The form's error for this rejection, or the error page above the limit of wrong codes, which leads back
/// to the form at `form_url`.
pub fn code_error(rejection: CodeRejection, form_url: &str) -> Result<&'static str, Error> {
    match rejection {
        // Without a factor the page shows the set-up, which has no place for this error.
        CodeRejection::Wrong | CodeRejection::NoFactor => Ok(WRONG_CODE),
        CodeRejection::Used => Ok(USED_CODE),
        CodeRejection::SecretLost => Ok(SECRET_LOST),
        CodeRejection::TooMany(wait) => Err(Error::throttled_for(wait).on_form(form_url)),
    }
}
