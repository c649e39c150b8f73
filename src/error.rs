//! The one error type, and what a client may see of each variant.
//!
//! A variant's own text goes to the log, under the request's id; [`Error::public`] is all that
//! leaves the house. The middleware [`error_pages`](crate::error_pages::error_pages) makes a page
//! or JSON of it.

mod internal;
mod public;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, LOCATION, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use crate::accounts::ProvisionError;
use crate::accounts::passwords::HasherOverloaded;
use crate::db::DbError;
use crate::random::RandomnessError;
use crate::sealing::SealError;
use crate::workos::WorkosError;
pub use internal::{ErrorChain, InternalError};
pub use public::{Public, plural, retry_seconds, told_of};

/// Anything that ends a request early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A page that needs a session, without one: not an error to the user, who is sent to log in.
    #[error("a session is required")]
    LoginRequired {
        /// The page to return to.
        next: String,
    },
    /// The same where there was one until now: WorkOS, or whoever closed the account, has ended it.
    #[error("the session is over")]
    SessionOver {
        /// The page to return to.
        next: String,
    },
    /// WorkOS has not been reached for so long that nobody knows whether the session still stands.
    #[error("the session could not be renewed with WorkOS")]
    SessionUnconfirmed {
        /// After which WorkOS is asked again.
        retry_after: Duration,
    },
    /// A sign-in that did not end in a session.
    #[error("a sign-in failed: {failure}")]
    SignIn {
        /// Why.
        #[source]
        failure: SignInFailure,
        /// Where it would have returned to, for a fresh attempt.
        next: String,
    },
    /// No such page.
    #[error("there is no such page")]
    NotFound,
    /// The page is there, and does not do that.
    #[error("{method} is not allowed")]
    MethodNotAllowed {
        /// What was tried.
        method: String,
        /// What would work, as the `Allow` header lists it.
        allow: &'static str,
    },
    /// An unsafe request from another site's page.
    #[error("the request came from another site")]
    CrossSite,
    /// A password where none is taken.
    #[error("PASSWORD_LOGIN is off")]
    PasswordsOff {
        /// Where the sign-in would have returned to.
        next: String,
    },
    /// A new password for an account that comes in without one.
    #[error("the account has no password that it may use")]
    NoPassword,
    /// Another organisation for a session of which WorkOS knows nothing.
    #[error("a password's session has no organisation")]
    NoOrganizations,
    /// Another organisation, while WorkOS is away or the session is being renewed.
    #[error("the organisation could not be switched now")]
    NotSwitched {
        /// After which it may work.
        retry_after: Duration,
    },
    /// What only the person whose account it is may do.
    #[error("an impersonated session may not do this")]
    Impersonated,
    /// A failure that will pass, of what a form was sent for.
    #[error("{failure}")]
    OnForm {
        /// The failure.
        #[source]
        failure: Box<Error>,
        /// The form's page, to try again from.
        page: String,
    },
    /// A `Host` that is not ours.
    #[error("the host {0} is not in ALLOWED_HOSTS")]
    HostNotAllowed(String),
    /// A body larger than any of ours.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// A body that did not arrive in time.
    #[error("the request's body did not arrive in time")]
    BodyTooSlow,
    /// A request that cannot be read.
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
    /// The database has been away for so long that a session may have ended without our knowing.
    #[error("whose session has ended could not be read for a minute")]
    RevocationsUnknown,
    /// Asked too often; seconds to wait.
    #[error("throttled for {0} s")]
    Throttled(u64),
    /// Too many passwords are being checked.
    #[error(transparent)]
    Overloaded(#[from] HasherOverloaded),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An internal failure.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// Why a sign-in did not end in a session.
#[derive(Debug, thiserror::Error)]
pub enum SignInFailure {
    /// The browser sent no open attempt: it was started in another browser, or has expired.
    #[error("the browser sent no cookie of an open sign-in attempt")]
    AttemptCookieMissing,
    /// The browser has open attempts, and `state` belongs to none of them: forged or expired.
    #[error("the state belongs to no open sign-in attempt of this browser")]
    StateMismatch,
    /// The attempt has already been completed, and its session has ended since.
    #[error("the sign-in attempt was already used")]
    AttemptAlreadyUsed,
    /// WorkOS came back with an error instead of a code.
    #[error("WorkOS returned the error {code}: {description:?}")]
    Provider {
        /// WorkOS's code.
        code: String,
        /// WorkOS's sentence for developers: for the log alone, since a link can say anything.
        description: String,
    },
    /// WorkOS refused the code, or could not be asked.
    #[error(transparent)]
    Workos(#[from] WorkosError),
    /// WorkOS said yes, and the account says no.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An internal failure.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl SignInFailure {
    /// Whether the same code may still work in a moment: WorkOS was not reached, did not get to it,
    /// or would not talk to us at all. The database comes after the exchange, when the code is used up.
    pub fn keeps_the_code(&self) -> bool {
        match self {
            Self::Workos(error) => {
                matches!(error, WorkosError::Unavailable { .. }) || error.is_misconfiguration()
            }
            _ => false,
        }
    }
}

impl Error {
    /// A failed sign-in that would have returned to `next`.
    pub fn sign_in(failure: SignInFailure, next: &str) -> Self {
        Self::SignIn {
            failure,
            next: next.to_owned(),
        }
    }

    /// The same failure of what the form on `page` was sent for: where it will pass, the way on is
    /// the form.
    pub fn on_form(self, page: &str) -> Self {
        if self.public().retry_after.is_none() {
            return self;
        }
        Self::OnForm {
            failure: Box::new(self),
            page: page.to_owned(),
        }
    }

    /// Whether only an operator can mend it, so that the log must cry.
    pub fn is_operators(&self) -> bool {
        match self {
            Self::SignIn {
                failure: SignInFailure::Workos(error),
                ..
            } => error.is_misconfiguration(),
            Self::OnForm { failure, .. } => failure.is_operators(),
            _ => false,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.public().status
    }

    /// Status and headers; the body is made where the request is known.
    fn error_response(&self) -> HttpResponse {
        let public = self.public();
        let mut response = HttpResponse::build(public.status);
        let elsewhere = matches!(self, Self::LoginRequired { .. } | Self::SessionOver { .. });
        if let (true, Some((_, url))) = (elsewhere, &public.action) {
            response.insert_header((LOCATION, url.as_str()));
        }
        if let Self::MethodNotAllowed { allow, .. } = self {
            response.insert_header((ALLOW, *allow));
        }
        if let Some(seconds) = public.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.finish()
    }
}

impl From<SealError> for SignInFailure {
    fn from(error: SealError) -> Self {
        InternalError::new("seal the state of a sign-in", error).into()
    }
}

impl From<RandomnessError> for SignInFailure {
    fn from(error: RandomnessError) -> Self {
        InternalError::new("generate a random value", error).into()
    }
}

impl From<RandomnessError> for Error {
    fn from(error: RandomnessError) -> Self {
        InternalError::new("generate a random value", error).into()
    }
}

impl From<url::ParseError> for Error {
    fn from(error: url::ParseError) -> Self {
        InternalError::new("build a URL", error).into()
    }
}

impl From<actix_web::error::HttpError> for Error {
    fn from(error: actix_web::error::HttpError) -> Self {
        InternalError::new("build a response", error).into()
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<diesel::result::Error> for SignInFailure {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}
