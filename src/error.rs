//! The one error type, and what a client may see of each variant.
//!
//! The text of a variant is logged under the request's id; clients see only [`Error::public`]. The
//! middleware [`error_pages`](crate::error_pages::error_pages) turns that into a page or JSON.

mod internal;
mod missing_right;
mod public;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, LOCATION, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use crate::accounts::ProvisionError;
use crate::accounts::passwords::HasherOverloaded;
use crate::clock::whole_seconds;
use crate::db::DbError;
use crate::random::RandomnessError;
use crate::sealing::SealError;
use crate::workos::WorkosError;
pub use internal::{ErrorChain, InternalError};
pub use missing_right::MissingRight;
pub use public::{PublicError, in_seconds, invitation_message, retry_seconds};

/// Any error that ends a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The page needs a session, and the request has none. The response redirects to the log-in.
    #[error("a session is required")]
    LoginRequired {
        /// The page to return to.
        next: String,
    },
    /// The session turned out to have ended during this request. The response redirects to the log-in,
    /// which tells the user.
    #[error("the session has ended")]
    SessionOver {
        /// The page to return to.
        next: String,
    },
    /// The action needs a session whose user has entered credentials recently.
    #[error("the user has not entered credentials recently")]
    ReauthenticationRequired {
        /// The log-in that repeats the authentication and returns.
        log_in_url: String,
    },
    /// The session could not be renewed because WorkOS was unavailable, and the grace period is over.
    #[error("the session could not be renewed with WorkOS")]
    SessionUnconfirmed {
        /// When the renewal is attempted again.
        retry_after: Duration,
    },
    /// A sign-in that did not end in a session.
    #[error("a sign-in failed: {failure}")]
    SignIn {
        /// The reason.
        #[source]
        failure: SignInFailure,
        /// The page that the sign-in would have returned to, for a new attempt.
        next: String,
    },
    /// No such page.
    #[error("there is no such page")]
    NotFound,
    /// The page exists, but does not support the method.
    #[error("{method} is not allowed")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The value of the `Allow` header.
        allow: &'static str,
    },
    /// An unsafe request from another site's page.
    #[error("the request came from another site")]
    CrossSite,
    /// A password was sent, but `PASSWORD_LOGIN` is `off`.
    #[error("PASSWORD_LOGIN is off")]
    PasswordsOff {
        /// The page that the sign-in would have returned to.
        next: String,
    },
    /// A second factor was requested for an account that cannot sign in with a password.
    #[error("the account cannot use a second factor")]
    NoSecondFactor,
    /// A new password was sent for an account that cannot sign in with a password.
    #[error("the account cannot use a password")]
    NoPassword,
    /// Another organisation was requested for a session without WorkOS.
    #[error("a session without WorkOS has no organisation")]
    NoOrganizations,
    /// The organisation could not be switched because WorkOS was unavailable or the session was being
    /// renewed.
    #[error("the organisation could not be switched")]
    NotSwitched {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// The session does not have a right that the request needs.
    #[error("the session does not have {0}")]
    NotPermitted(MissingRight),
    /// Only the owner of the account may do this, not an impersonator.
    #[error("an impersonated session may not do this")]
    Impersonated,
    /// A temporary failure of a submitted form.
    #[error("{failure}")]
    OnForm {
        /// The failure.
        #[source]
        failure: Box<Error>,
        /// The page with the form, to try again.
        page: String,
    },
    /// The `Host` is not in `ALLOWED_HOSTS`.
    #[error("the host {0} is not in ALLOWED_HOSTS")]
    HostNotAllowed(String),
    /// The body is larger than the limit.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the request's body did not arrive in time")]
    BodyTooSlow,
    /// The request could not be parsed.
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
    /// The revocation list is out of date because the database was unavailable, so a session may have
    /// ended.
    #[error("the revoked sessions could not be read for a minute")]
    RevocationsUnknown,
    /// The rate limit is reached; the value is the seconds to wait.
    #[error("throttled for {0} s")]
    Throttled(u64),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Overloaded(#[from] HasherOverloaded),
    /// A database error.
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
    /// The sign-in was to repeat the authentication of the session's user, and another user signed in.
    #[error("another user signed in than the one who was asked to log in again")]
    AnotherUser,
    /// WorkOS used its own session although a recent authentication was requested.
    #[error("WorkOS did not authenticate the user again, which max_age requires")]
    NotReauthenticated,
    /// WorkOS redirected back with an error instead of a code.
    #[error("WorkOS returned the error {code}: {description:?}")]
    Provider {
        /// WorkOS's code.
        code: String,
        /// WorkOS's sentence for developers. Only logged, because anybody can write it into a link.
        description: String,
    },
    /// Too many codes of this client or of all clients were refused; the value is the seconds to wait.
    #[error("too many codes were refused; throttled for {0} s")]
    Throttled(u64),
    /// The account has signed in too often; the value is the seconds to wait.
    #[error("the account has signed in too often; throttled for {0} s")]
    TooManySignIns(u64),
    /// WorkOS refused the code, or was unavailable.
    #[error(transparent)]
    Workos(#[from] WorkosError),
    /// WorkOS authenticated the user, but the account cannot be used.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A database error.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An internal failure.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// Marks the response to a request that the rate limits do not count, in its extensions: its fields were missing or
/// invalid, or no values could have succeeded.
#[derive(Clone, Copy, Debug)]
pub struct NotAnAttempt;

impl SignInFailure {
    /// Whether the code may still be valid: WorkOS was not asked, was unavailable or rejected our
    /// credentials. After an
    /// error of the database the code has already been used.
    pub fn keeps_the_code(&self) -> bool {
        match self {
            Self::Workos(error) => {
                matches!(error, WorkosError::Unavailable { .. }) || error.is_misconfiguration()
            }
            Self::Throttled(_) => true,
            _ => false,
        }
    }
}

impl Error {
    /// The error for a failed sign-in that would have returned to `next`.
    pub fn sign_in(failure: SignInFailure, next: &str) -> Self {
        Self::SignIn {
            failure,
            next: next.to_owned(),
        }
    }

    /// The error of a rate limit, with the time to wait in whole seconds, rounded up.
    pub fn throttled_for(wait: Duration) -> Self {
        Self::Throttled(whole_seconds(wait))
    }

    /// The error for a form on `page`: if it is temporary, the error page links back to the form.
    pub fn on_form(self, page: &str) -> Self {
        if self.public().retry_after.is_none() {
            return self;
        }
        Self::OnForm {
            failure: Box::new(self),
            page: page.to_owned(),
        }
    }

    /// Whether the request could have succeeded with other values of its fields. One to a provider that is not set up,
    /// for example, could not.
    fn is_attempt(&self) -> bool {
        match self {
            Self::NotFound | Self::Unreadable(_) | Self::PasswordsOff { .. } => false,
            Self::OnForm { failure, .. } => failure.is_attempt(),
            _ => true,
        }
    }

    /// Whether only an operator can fix the cause, so that it is logged as an error.
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

    /// Status and headers. The middleware `error_pages` writes the body, which depends on the request.
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
        let mut response = response.finish();
        if !self.is_attempt() {
            response.extensions_mut().insert(NotAnAttempt);
        }
        response
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
