//! The one error type, and what a client may see of each variant.
//!
//! A variant's own text goes to the log, under the request's id; [`Error::public`] is all that
//! leaves the house. The middleware [`error_pages`](crate::middleware::error_pages) makes a page
//! or JSON of it.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, LOCATION, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use crate::accounts::ProvisionError;
use crate::db::DbError;
use crate::keys::SealError;
use crate::web::login_url;
use crate::workos::WorkosError;

/// Seconds after which trying again is worth it, where nobody said better.
const RETRY_SECONDS: u64 = 5;

/// Anything that ends a request early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A page that needs a session, without one: not an error to the user, who is sent to log in.
    #[error("a session is required")]
    LoginRequired {
        /// The page to return to.
        next: String,
    },
    /// A sign-in that did not end in a session.
    #[error("a sign-in failed: {failure}")]
    SignIn {
        /// Why.
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
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A mistake of ours.
    #[error("internal: {0}")]
    Internal(String),
}

/// Why a sign-in did not end in a session.
#[derive(Debug, thiserror::Error)]
pub enum SignInFailure {
    /// No attempt of this browser's has this state: forged, reused, expired, or another browser's.
    #[error("the state belongs to no open attempt of this browser")]
    UnknownAttempt,
    /// WorkOS came back with an error instead of a code.
    #[error("WorkOS returned the error {code}")]
    Provider {
        /// WorkOS's code.
        code: String,
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
    /// A mistake of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl SignInFailure {
    /// Whether the same code may still work in a moment.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Workos(WorkosError::Unavailable { .. })
            | Self::Database(_)
            | Self::Provision(ProvisionError::Database(_)) => true,
            Self::UnknownAttempt
            | Self::Provider { .. }
            | Self::Workos(WorkosError::Refused { .. })
            | Self::Provision(_)
            | Self::Internal(_) => false,
        }
    }
}

/// What a client may see of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// The status.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub heading: &'static str,
    /// What happened and what to do, in a sentence or two.
    pub message: Cow<'static, str>,
    /// The way on: its words and its address. `None`: home.
    pub action: Option<(&'static str, String)>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
}

impl Public {
    fn new(
        status: StatusCode,
        heading: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            heading,
            message: message.into(),
            action: None,
            retry_after: None,
        }
    }

    fn offering(self, words: &'static str, url: String) -> Self {
        Self {
            action: Some((words, url)),
            ..self
        }
    }

    fn try_again(message: &'static str, seconds: u64) -> Self {
        let page = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Please try again in a moment",
            message,
        );
        // An empty address is the page itself, asked for again.
        Self {
            retry_after: Some(seconds.max(1)),
            ..page
        }
        .offering("Try again", String::new())
    }

    /// For a failure of the framework's, whose own text is not for clients.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Error::NotFound.public(),
            StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge.public(),
            status if status.is_client_error() => Self::new(
                status,
                "That did not work",
                "The request could not be understood.",
            ),
            _ => Error::Internal(String::new()).public(),
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

    /// Whether only an operator can mend it, so that the log must cry.
    pub fn is_operators(&self) -> bool {
        matches!(self, Self::SignIn { failure: SignInFailure::Workos(error), .. } if error.is_misconfiguration())
    }

    /// What a client may see.
    pub fn public(&self) -> Public {
        match self {
            Self::LoginRequired { next } => Public::new(
                StatusCode::FOUND,
                "Please log in",
                "This page needs you to be signed in.",
            )
            .offering("Log in", login_url(next)),
            Self::SignIn { failure, next } => failure.public(next),
            Self::NotFound => Public::new(
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is nothing at this address. The link may be old, or mistyped.",
            ),
            Self::MethodNotAllowed { .. } => Public::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "That is not possible here",
                "This address exists, and cannot be used in that way.",
            ),
            Self::CrossSite => Public::new(
                StatusCode::FORBIDDEN,
                "Request refused",
                "It came from a page of another site, so nothing was done. Go to the page here and try from there.",
            ),
            Self::HostNotAllowed(_) => Public::new(
                StatusCode::BAD_REQUEST,
                "Unknown host",
                "This server does not answer under the name in the address. If you run it: add the name to ALLOWED_HOSTS.",
            ),
            Self::BodyTooLarge => Public::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too much was sent",
                "The request was larger than this site takes.",
            ),
            Self::BodyTooSlow => Public::new(
                StatusCode::REQUEST_TIMEOUT,
                "That took too long",
                "The request did not arrive in time. Check your connection and try again.",
            ),
            Self::Unreadable(_) => Public::new(
                StatusCode::BAD_REQUEST,
                "That did not work",
                "The request could not be understood.",
            ),
            Self::Database(error) => database(error),
            Self::Internal(_) => internal(),
        }
    }
}

fn database(error: &DbError) -> Public {
    match error {
        DbError::Unavailable(_) | DbError::Missing(_) | DbError::Interrupted => Public::try_again(
            "The database cannot be reached just now. Nothing was lost.",
            RETRY_SECONDS,
        ),
        DbError::NoPostgres | DbError::Migration(_) | DbError::Refused(_) => internal(),
    }
}

/// The code is used up by now, so trying again means a fresh attempt.
fn sign_in_database(error: &DbError, next: &str) -> Public {
    let public = database(error);
    if public.retry_after.is_some() {
        public.offering("Try again", login_url(next))
    } else {
        public
    }
}

fn internal() -> Public {
    Public::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The mistake is ours, and it has been noted under the number below. Try again, or come back later.",
    )
}

impl SignInFailure {
    fn public(&self, next: &str) -> Public {
        match self {
            Self::UnknownAttempt => Public::new(
                StatusCode::BAD_REQUEST,
                "This sign-in cannot be completed",
                "It was begun in another browser, was used before, or has taken longer than ten minutes. You can start afresh.",
            ),
            Self::Provider { code } => Public::new(
                StatusCode::BAD_REQUEST,
                "Sign-in did not work",
                format!("The sign-in service reported a problem ({code}). You can start afresh."),
            ),
            Self::Workos(error) => return workos(error, next),
            Self::Provision(error) => return provision(error, next),
            Self::Database(error) => return sign_in_database(error, next),
            Self::Internal(_) => return internal(),
        }
        .offering("Start a fresh sign-in", login_url(next))
    }
}

fn workos(error: &WorkosError, next: &str) -> Public {
    match error {
        WorkosError::Unavailable { retry_after, .. } => {
            let seconds = retry_after.map_or(RETRY_SECONDS, |wait| wait.as_secs());
            Public::try_again("The sign-in service cannot be reached just now.", seconds)
                .offering("Try again", login_url(next))
        }
        WorkosError::Refused { status, code, .. } => {
            let (status, message) = match (status, code.as_str()) {
                (_, "invalid_grant" | "invalid_code") => (
                    StatusCode::BAD_REQUEST,
                    Cow::Borrowed(
                        "Its code was used before, or has expired. You can start afresh.",
                    ),
                ),
                (403, _) => (StatusCode::FORBIDDEN, refused_with(code)),
                _ => (StatusCode::BAD_REQUEST, refused_with(code)),
            };
            Public::new(status, "This sign-in cannot be completed", message)
                .offering("Start a fresh sign-in", login_url(next))
        }
    }
}

fn refused_with(code: &str) -> Cow<'static, str> {
    Cow::Owned(format!(
        "The sign-in service refused it ({code}). You can start afresh."
    ))
}

fn provision(error: &ProvisionError, next: &str) -> Public {
    let (status, heading, message) = match error {
        ProvisionError::Inactive { .. } => (
            StatusCode::FORBIDDEN,
            "This account is closed",
            "You proved who you are, and this account is not active. Whoever runs this site can open it again.",
        ),
        ProvisionError::EmailNotVerified { .. } => (
            StatusCode::FORBIDDEN,
            "Your e-mail address is not verified",
            "An account with this address exists already. Verify the address with the sign-in service, then sign in again.",
        ),
        ProvisionError::Conflict { .. } => (
            StatusCode::CONFLICT,
            "This address belongs to another account",
            "The account with your e-mail address is linked to somebody else's sign-in. Whoever runs this site can untie it.",
        ),
        ProvisionError::UnusableProfile { .. } => (
            StatusCode::BAD_REQUEST,
            "This sign-in cannot be completed",
            "The sign-in service did not tell an e-mail address that an account could be made with.",
        ),
        ProvisionError::Database(error) => return sign_in_database(error, next),
    };
    Public::new(status, heading, message).offering("Start a fresh sign-in", login_url(next))
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.public().status
    }

    /// Status and headers; the body is made where the request is known.
    fn error_response(&self) -> HttpResponse {
        let public = self.public();
        let mut response = HttpResponse::build(public.status);
        if let (Self::LoginRequired { .. }, Some((_, url))) = (self, &public.action) {
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
        Self::Internal(error.to_string())
    }
}

impl From<aws_lc_rs::error::Unspecified> for Error {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Internal("the system gave no randomness".to_owned())
    }
}

impl From<url::ParseError> for Error {
    fn from(error: url::ParseError) -> Self {
        Self::Internal(format!("an address cannot be put together: {error}"))
    }
}

impl From<actix_web::error::HttpError> for Error {
    fn from(error: actix_web::error::HttpError) -> Self {
        Self::Internal(error.to_string())
    }
}
