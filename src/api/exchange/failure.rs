//! The responses to code exchanges that failed: a sentence and a code.

use actix_web::http::StatusCode;

use crate::accounts::{LinkError, ProvisionError};
use crate::api::ApiError;
use crate::api::error::ExchangeError;
use crate::error::{Error, ErrorChain, SignInFailure, invitation_message, retry_seconds};
use crate::oidc::OidcError;
use crate::sign_in::ExchangeFailure;
use crate::workos::WorkosError;

const UNAVAILABLE: &str = "The sign-in service is not available at the moment.";
const INACTIVE: &str = "This account is closed.";
const NOT_VERIFIED: &str = "The email address is not verified.";
const CONFLICT: &str =
    "The account with this email address is linked to another user of the sign-in service.";

impl From<ExchangeFailure> for ApiError {
    fn from(failure: ExchangeFailure) -> Self {
        log_failure(&failure);
        to_api_error(failure)
    }
}

/// The response to a failure, without logging it; the OpenAPI document uses it for examples.
pub(in crate::api) fn to_api_error(failure: ExchangeFailure) -> ApiError {
    match failure {
        ExchangeFailure::Workos(failure) => workos(failure),
        ExchangeFailure::Oidc(error) => oidc(error),
        ExchangeFailure::Link(error) => link(error),
        ExchangeFailure::NotIssued(error) => error.into(),
    }
}

/// Logs failures that an operator must fix, and outages of a provider, as errors.
fn log_failure(failure: &ExchangeFailure) {
    let (misconfigured, unavailable) = match failure {
        ExchangeFailure::Workos(SignInFailure::Workos(error)) => (
            error.is_misconfiguration(),
            matches!(error, WorkosError::Unavailable { .. }),
        ),
        ExchangeFailure::Oidc(error) => (
            error.is_misconfiguration(),
            matches!(error, OidcError::Unavailable { .. }),
        ),
        ExchangeFailure::Workos(_) | ExchangeFailure::Link(_) | ExchangeFailure::NotIssued(_) => {
            (false, false)
        }
    };
    if misconfigured {
        log::error!(
            "{failure}; check that the client id and the secret are correct and belong to the same application"
        );
    } else if unavailable {
        log::error!("{}", ErrorChain(failure));
    } else {
        log::info!("{}", ErrorChain(failure));
    }
}

fn workos(failure: SignInFailure) -> ApiError {
    match failure {
        // The client's code is still valid; an operator must correct our credentials first.
        SignInFailure::Workos(error) if error.is_misconfiguration() => {
            unavailable(retry_seconds(None))
        }
        SignInFailure::Workos(WorkosError::Refused { status, code, .. }) => {
            let status = match status {
                403 => StatusCode::FORBIDDEN,
                _ => StatusCode::BAD_REQUEST,
            };
            let detail = match code.as_str() {
                "invalid_grant" | "invalid_code" => {
                    "WorkOS does not accept this code: it was already used, has expired, or was never issued."
                        .to_owned()
                }
                "invalid_one_time_code" => "This code is not correct.".to_owned(),
                "one_time_code_expired" => "This code has expired.".to_owned(),
                "one_time_code_previously_used" => "This code was already used.".to_owned(),
                "one_time_code_too_many_attempts" => {
                    "Too many wrong codes were sent. Start a new sign-in.".to_owned()
                }
                code => invitation_message(code).map_or_else(
                    || format!("WorkOS refused the sign-in ({code})."),
                    str::to_owned,
                ),
            };
            exchange_error(status, &detail, &code)
        }
        SignInFailure::Workos(WorkosError::Unavailable { retry_after, .. }) => {
            unavailable(retry_seconds(retry_after))
        }
        SignInFailure::Throttled(seconds) | SignInFailure::TooManySignIns(seconds) => {
            Error::Throttled(seconds).into()
        }
        SignInFailure::Provision(error) => provision(error),
        SignInFailure::Database(error) => error.into(),
        SignInFailure::Internal(error) => Error::from(error).into(),
        SignInFailure::AttemptCookieMissing
        | SignInFailure::StateMismatch
        | SignInFailure::AttemptAlreadyUsed
        | SignInFailure::AnotherUser
        | SignInFailure::NotReauthenticated
        | SignInFailure::Provider { .. } => ApiError::internal("exchange a code", failure),
    }
}

fn provision(error: ProvisionError) -> ApiError {
    match error {
        ProvisionError::Inactive { .. } | ProvisionError::Deleted { .. } => inactive(),
        ProvisionError::EmailNotVerified { .. } => not_verified(),
        ProvisionError::Conflict { .. } => conflict(),
        ProvisionError::UnusableProfile { .. } => exchange_error(
            StatusCode::BAD_REQUEST,
            "WorkOS sent no email address that is valid for an account.",
            "invalid_profile",
        ),
        ProvisionError::Database(error) => error.into(),
    }
}

fn oidc(error: OidcError) -> ApiError {
    match error {
        OidcError::Refused { code, .. } => {
            let detail = match code.as_str() {
                "invalid_grant" => {
                    "The provider does not accept this code: it was already used, has expired, or was issued for another redirect URI."
                        .to_owned()
                }
                code => format!("The provider refused the sign-in ({code})."),
            };
            exchange_error(StatusCode::BAD_REQUEST, &detail, &code)
        }
        OidcError::IdToken(_) => exchange_error(
            StatusCode::BAD_REQUEST,
            "The provider's ID token is not valid for this sign-in.",
            "invalid_id_token",
        ),
        OidcError::Unavailable { retry_after, .. } => unavailable(retry_seconds(retry_after)),
    }
}

fn link(error: LinkError) -> ApiError {
    match error {
        LinkError::Inactive { .. } => inactive(),
        LinkError::EmailNotVerified { .. } => not_verified(),
        LinkError::NotFound { .. } => exchange_error(
            StatusCode::NOT_FOUND,
            "There is no account with this email address.",
            "account_not_found",
        ),
        LinkError::Conflict { .. } => conflict(),
        LinkError::NotConnected { .. } => exchange_error(
            StatusCode::FORBIDDEN,
            "This account is not connected. Sign in another way, and connect it on your account page.",
            "account_not_connected",
        ),
        LinkError::Unconfirmed { .. } => conflict(),
        LinkError::Database(error) => error.into(),
    }
}

fn inactive() -> ApiError {
    exchange_error(StatusCode::FORBIDDEN, INACTIVE, "account_inactive")
}

fn not_verified() -> ApiError {
    exchange_error(StatusCode::FORBIDDEN, NOT_VERIFIED, "email_not_verified")
}

fn conflict() -> ApiError {
    exchange_error(StatusCode::CONFLICT, CONFLICT, "account_conflict")
}

pub(in crate::api) fn exchange_error(status: StatusCode, detail: &str, code: &str) -> ApiError {
    ApiError::Exchange(ExchangeError {
        status,
        detail: detail.to_owned(),
        code: code.to_owned(),
        retry_after: None,
        is_attempt: true,
    })
}

fn unavailable(seconds: u64) -> ApiError {
    ApiError::Exchange(ExchangeError {
        status: StatusCode::SERVICE_UNAVAILABLE,
        detail: UNAVAILABLE.to_owned(),
        code: "provider_unavailable".to_owned(),
        retry_after: Some(seconds),
        is_attempt: true,
    })
}
