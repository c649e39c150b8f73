//! The second factor at `/api/token`: a 403 asks for the code, in the form in which the code exchange asks
//! for WorkOS's steps.

use std::net::IpAddr;

use actix_web::http::StatusCode;

use super::ApiError;
use super::body::FieldReader;
use super::exchange::failure::exchange_error;
use super::exchange::next_step;
use super::wire::NextStepJson;
use crate::accounts::second_factor::CodeRejection;
use crate::error::Error;
use crate::ids::SessionId;
use crate::sign_in::{CodeSignInError, PendingPassword, SignInService, normalize_code};
use crate::state::AppState;
use crate::tokens::TokenPair;
use crate::workos::ClientDevice;

/// WorkOS's code for the same step.
pub(super) const CODE_REQUIRED: &str = "mfa_challenge";
/// WorkOS's code for a wrong code.
pub(super) const WRONG: &str = "invalid_one_time_code";
/// WorkOS's code for a used code.
pub(super) const USED: &str = "one_time_code_previously_used";
/// Our code for an authenticator app whose secret cannot be decrypted.
pub(super) const SECRET_LOST: &str = "authenticator_unavailable";

/// The 403 after a right password.
pub(super) fn code_required(sign_in: &SignInService, pending: &PendingPassword) -> ApiError {
    match sign_in.seal_pending_password(pending) {
        Some(token) => ApiError::NextStep(Box::new(code_required_json(token))),
        None => ApiError::internal("seal a pending sign-in", "the encryption failed"),
    }
}

/// The body of that response.
pub(super) fn code_required_json(token: String) -> NextStepJson {
    NextStepJson {
        detail: "Send the code that the authenticator app shows, or a recovery code.",
        code: CODE_REQUIRED.to_owned(),
        pending_authentication_token: Some(token),
        ..NextStepJson::default()
    }
}

/// Reads the code, and issues tokens if it is right.
pub(super) async fn answer(
    app: &AppState,
    mut fields: FieldReader<'_>,
    client: IpAddr,
    replaced: Option<SessionId>,
    device: ClientDevice,
) -> Result<TokenPair, ApiError> {
    let (token, code) = (fields.text(next_step::TOKEN), fields.text("code"));
    fields.finish()?;
    let now = app.clock.now();
    let pending = app.sign_in.open_pending_password(&token, now);
    let pending = pending.ok_or_else(next_step::unopened)?;
    let attempt = app.throttle.begin_code(client, pending.user_id())?;
    let code = normalize_code(&code).unwrap_or_default();
    let issued = app
        .sign_in
        .tokens_for_code(pending, code, replaced, device, now)
        .await;
    attempt.finish(issued.as_ref().is_err_and(CodeSignInError::is_guess));
    Ok(issued?)
}

/// The response to a wrong code.
pub(super) fn wrong_code() -> ApiError {
    exchange_error(StatusCode::BAD_REQUEST, "This code is not correct.", WRONG)
}

/// The response to a code that was used before.
pub(super) fn used_code() -> ApiError {
    exchange_error(StatusCode::BAD_REQUEST, "This code was already used.", USED)
}

/// The response if codes of the authenticator app cannot be checked.
pub(super) fn secret_lost() -> ApiError {
    let detail = "The codes of this authenticator app cannot be checked. Send a recovery code.";
    exchange_error(StatusCode::BAD_REQUEST, detail, SECRET_LOST)
}

impl From<CodeSignInError> for ApiError {
    fn from(error: CodeSignInError) -> Self {
        match error {
            CodeSignInError::Expired | CodeSignInError::Rejected(CodeRejection::NoFactor) => {
                next_step::expired()
            }
            CodeSignInError::Rejected(CodeRejection::Wrong) => wrong_code(),
            CodeSignInError::Rejected(CodeRejection::Used) => used_code(),
            CodeSignInError::Rejected(CodeRejection::SecretLost) => secret_lost(),
            CodeSignInError::Rejected(CodeRejection::TooMany(wait)) => {
                Error::throttled_for(wait).into()
            }
            CodeSignInError::TooManySignIns(refusal) => Error::Throttled(refusal.seconds).into(),
            CodeSignInError::NotIssued(error) => error.into(),
            CodeSignInError::Database(error) => error.into(),
        }
    }
}
