//! Converts WorkOS's user and impersonator objects into this application's account and session
//! types, and the answers of identity providers into what they use up of the budget of exchanges.

use crate::accounts::WorkosProfile;
use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::oidc::OidcError;
use crate::sessions::Impersonator;
use crate::throttle::{ExchangeOutcome, ExchangeRefusal};
use crate::workos::{WorkosError, WorkosImpersonator, WorkosUser};

/// The longest email address of an impersonator that the cookie and the banner hold, in characters.
/// A longer one is truncated.
const MAX_EMAIL: usize = 254;

impl From<&WorkosUser> for WorkosProfile {
    fn from(user: &WorkosUser) -> Self {
        Self {
            workos_user_id: user.id.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified,
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            picture_url: user.profile_picture_url.clone(),
            updated_at: Timestamp::from(user.updated_at),
        }
    }
}

impl From<WorkosImpersonator> for Impersonator {
    fn from(impersonator: WorkosImpersonator) -> Self {
        let email = impersonator.email.chars().take(MAX_EMAIL).collect();
        Self {
            email,
            reason: impersonator.reason,
        }
    }
}

impl From<ExchangeRefusal> for SignInFailure {
    fn from(refusal: ExchangeRefusal) -> Self {
        match refusal {
            ExchangeRefusal::AttemptUsed => Self::AttemptAlreadyUsed,
            ExchangeRefusal::Throttled(seconds) => Self::Throttled(seconds),
        }
    }
}

/// What WorkOS's answer uses up of the budget of exchanges. A further step means that WorkOS accepted the
/// code.
pub fn workos_outcome<T>(answer: &Result<T, WorkosError>) -> ExchangeOutcome {
    match answer {
        Ok(_) => ExchangeOutcome::Accepted,
        Err(error) if error.next_step().is_some() => ExchangeOutcome::Accepted,
        Err(error) if error.is_misconfiguration() => ExchangeOutcome::Unavailable,
        Err(WorkosError::Unavailable { .. }) => ExchangeOutcome::Unavailable,
        Err(WorkosError::Refused { .. }) => ExchangeOutcome::Refused,
    }
}

/// What the answer of Google or Okta uses up of the budget of exchanges.
pub fn oidc_outcome<T>(answer: &Result<T, OidcError>) -> ExchangeOutcome {
    match answer {
        Ok(_) => ExchangeOutcome::Accepted,
        Err(OidcError::Unavailable { .. }) => ExchangeOutcome::Unavailable,
        Err(OidcError::Refused { .. } | OidcError::IdToken(_)) => ExchangeOutcome::Refused,
    }
}
