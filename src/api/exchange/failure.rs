//! What a client is told of an exchange that failed: a sentence and a code.

use actix_web::http::StatusCode;

use crate::accounts::{LinkError, ProvisionError};
use crate::api::ApiError;
use crate::api::error::Exchange;
use crate::error::{Error, ErrorChain, SignInFailure, retry_seconds, told_of};
use crate::oidc::OidcError;
use crate::sign_in::ExchangeFailure;
use crate::workos::WorkosError;

const UNAVAILABLE: &str = "The sign-in service is not available just now.";
const INACTIVE: &str = "This account is closed.";
const NOT_VERIFIED: &str = "The e-mail address is not verified.";
const CONFLICT: &str = "The account with this e-mail address belongs to somebody else's sign-in.";

impl From<ExchangeFailure> for ApiError {
    fn from(failure: ExchangeFailure) -> Self {
        note(&failure);
        told(failure)
    }
}

/// What a client is told, for the API's document too.
pub(in crate::api) fn told(failure: ExchangeFailure) -> ApiError {
    match failure {
        ExchangeFailure::Workos(failure) => workos(failure),
        ExchangeFailure::Oidc(error) => oidc(error),
        ExchangeFailure::Link(error) => link(error),
        ExchangeFailure::Issue(error) => error.into(),
    }
}

/// What only an operator can mend, and a provider that is away, must be seen in the log.
fn note(failure: &ExchangeFailure) {
    let (misconfigured, away) = match failure {
        ExchangeFailure::Workos(SignInFailure::Workos(error)) => (
            error.is_misconfiguration(),
            matches!(error, WorkosError::Unavailable { .. }),
        ),
        ExchangeFailure::Oidc(error) => (
            error.is_misconfiguration(),
            matches!(error, OidcError::Unavailable { .. }),
        ),
        ExchangeFailure::Workos(_) | ExchangeFailure::Link(_) | ExchangeFailure::Issue(_) => {
            (false, false)
        }
    };
    if misconfigured {
        log::error!("{failure}; are the client id and the secret right, and of one application?");
    } else if away {
        log::error!("{}", ErrorChain(failure));
    } else {
        log::info!("{}", ErrorChain(failure));
    }
}

fn workos(failure: SignInFailure) -> ApiError {
    match failure {
        // Nothing is wrong with the page's code: it is good once an operator has mended ours.
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
                    "WorkOS does not know this code: it was used before, has expired, or was never given out.".to_owned()
                }
                "invalid_one_time_code" => "This code is not right.".to_owned(),
                "one_time_code_expired" => "This code has expired.".to_owned(),
                "one_time_code_previously_used" => "This code was used already.".to_owned(),
                "one_time_code_too_many_attempts" => {
                    "Too many wrong codes were sent. Begin the sign-in again.".to_owned()
                }
                code => told_of(code).map_or_else(
                    || format!("WorkOS refused the sign-in ({code})."),
                    str::to_owned,
                ),
            };
            exchange(status, &detail, &code)
        }
        SignInFailure::Workos(WorkosError::Unavailable { retry_after, .. }) => {
            unavailable(retry_seconds(retry_after))
        }
        SignInFailure::Provision(error) => provision(error),
        SignInFailure::Database(error) => error.into(),
        SignInFailure::Internal(error) => Error::from(error).into(),
        SignInFailure::AttemptCookieMissing
        | SignInFailure::StateMismatch
        | SignInFailure::AttemptAlreadyUsed
        | SignInFailure::Provider { .. } => ApiError::internal("exchange a code", failure),
    }
}

fn provision(error: ProvisionError) -> ApiError {
    match error {
        ProvisionError::Inactive { .. } | ProvisionError::Deleted { .. } => inactive(),
        ProvisionError::EmailNotVerified { .. } => not_verified(),
        ProvisionError::Conflict { .. } => conflict(),
        ProvisionError::UnusableProfile { .. } => exchange(
            StatusCode::BAD_REQUEST,
            "WorkOS told no e-mail address that an account could be made with.",
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
                    "The provider does not know this code: it was used before, has expired, or belongs to another redirect URI.".to_owned()
                }
                code => format!("The provider refused the sign-in ({code})."),
            };
            exchange(StatusCode::BAD_REQUEST, &detail, &code)
        }
        OidcError::IdToken(_) => exchange(
            StatusCode::BAD_REQUEST,
            "The provider's ID token is not good for this sign-in.",
            "invalid_id_token",
        ),
        OidcError::Unavailable { retry_after, .. } => unavailable(retry_seconds(retry_after)),
    }
}

fn link(error: LinkError) -> ApiError {
    match error {
        LinkError::Inactive { .. } => inactive(),
        LinkError::EmailNotVerified { .. } => not_verified(),
        LinkError::NotFound { .. } => exchange(
            StatusCode::NOT_FOUND,
            "There is no account with this e-mail address.",
            "account_not_found",
        ),
        LinkError::Conflict { .. } => conflict(),
        LinkError::Database(error) => error.into(),
    }
}

fn inactive() -> ApiError {
    exchange(StatusCode::FORBIDDEN, INACTIVE, "account_inactive")
}

fn not_verified() -> ApiError {
    exchange(StatusCode::FORBIDDEN, NOT_VERIFIED, "email_not_verified")
}

fn conflict() -> ApiError {
    exchange(StatusCode::CONFLICT, CONFLICT, "account_conflict")
}

pub(super) fn exchange(status: StatusCode, detail: &str, code: &str) -> ApiError {
    ApiError::Exchange(Exchange {
        status,
        detail: detail.to_owned(),
        code: code.to_owned(),
        retry_after: None,
    })
}

fn unavailable(seconds: u64) -> ApiError {
    ApiError::Exchange(Exchange {
        status: StatusCode::SERVICE_UNAVAILABLE,
        detail: UNAVAILABLE.to_owned(),
        code: "provider_unavailable".to_owned(),
        retry_after: Some(seconds),
    })
}
