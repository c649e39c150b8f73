//! What a client may see of each error: a status, a few words, and the way on.

mod sign_in;

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Error;
use crate::db::DbError;
use crate::links::{login_url, session_over_url};
pub use sign_in::told_of;

/// Seconds after which trying again is worth it, where nobody said better.
const RETRY_SECONDS: u64 = 5;
/// The longest that anyone is told to wait, an hour: more is a mistake, and browsers would obey it.
const MOST_RETRY_SECONDS: u64 = 3_600;

/// How long a client is to wait, after what a provider asked for.
pub fn retry_seconds(asked: Option<Duration>) -> u64 {
    let seconds = asked.map_or(RETRY_SECONDS, |wait| wait.as_secs());
    seconds.clamp(1, MOST_RETRY_SECONDS)
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
    /// The URL of the password log-in, for failures of WorkOS.
    pub password_login_url: Option<String>,
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
            password_login_url: None,
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
            retry_after: Some(seconds.clamp(1, MOST_RETRY_SECONDS)),
            ..page
        }
        .offering("Try again", String::new())
    }

    /// The body under `/api/`, in Django REST framework's sentences, which single-page apps may
    /// compare.
    pub fn json(&self, method: &Method) -> Value {
        let detail = match self.status {
            StatusCode::NOT_FOUND => "Not found.".to_owned(),
            StatusCode::METHOD_NOT_ALLOWED => format!("Method \"{method}\" not allowed."),
            StatusCode::PAYLOAD_TOO_LARGE => "Request body too large.".to_owned(),
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = plural(self.retry_after.unwrap_or(1));
                format!("Request was throttled. Expected available in {wait}.")
            }
            // The page's sentence points at a number that JSON does not have.
            StatusCode::INTERNAL_SERVER_ERROR => "A server error occurred.".to_owned(),
            _ => self.message.clone().into_owned(),
        };
        json!({ "detail": detail })
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
            _ => internal(),
        }
    }
}

impl Error {
    /// What a client may see.
    pub fn public(&self) -> Public {
        match self {
            Self::LoginRequired { next } => Public::new(
                StatusCode::FOUND,
                "Please log in",
                "You need to be signed in to see this page.",
            )
            .offering("Log in", login_url(next)),
            Self::SessionOver { next } => Public::new(
                StatusCode::FOUND,
                "Please log in again",
                "Your session has ended.",
            )
            .offering("Log in", session_over_url(next)),
            Self::SessionUnconfirmed { retry_after } => Public::try_again(
                "The sign-in service is not responding, so we cannot check whether you are still signed in. Nothing was lost.",
                retry_seconds(Some(*retry_after)),
            ),
            Self::SignIn { failure, next } => failure.public(next),
            Self::NotFound => Public::new(
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is nothing at this address. The link may be old, or mistyped.",
            ),
            Self::MethodNotAllowed { .. } => Public::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "That is not possible here",
                "This address exists, but it cannot be used in that way.",
            ),
            Self::CrossSite => Public::new(
                StatusCode::FORBIDDEN,
                "Request refused",
                "The request came from a page of another site, so nothing was done. Please open the page on this site and try again there.",
            ),
            Self::PasswordsOff { next } => Public::new(
                StatusCode::FORBIDDEN,
                "Passwords are not used here",
                "This site does not use passwords of its own, so yours was not checked.",
            )
            .offering("Continue with WorkOS", login_url(next)),
            Self::NoPassword => Public::new(
                StatusCode::FORBIDDEN,
                "There is no password to change",
                "You do not use a password of this site to log in.",
            )
            .offering("Your account", "/account".to_owned()),
            Self::NoOrganizations => Public::new(
                StatusCode::FORBIDDEN,
                "No organisation to switch to",
                "You are signed in with a password of this site, which does not belong to an organisation. Log in with WorkOS to choose one.",
            )
            .offering("Continue with WorkOS", login_url("/account")),
            Self::NotSwitched { retry_after } => Public::try_again(
                "The organisation could not be switched at the moment. You are still signed in as before.",
                retry_seconds(Some(*retry_after)),
            )
            .offering("Your account", "/account".to_owned()),
            Self::Impersonated => Public::new(
                StatusCode::FORBIDDEN,
                "Not in an impersonated session",
                "Only the owner of the account can do that.",
            )
            .offering("Your account", "/account".to_owned()),
            Self::OnForm { failure, page } => {
                // Trying again does not help until the operator has corrected the settings.
                let label = match failure.is_operators() {
                    true => "Go back",
                    false => "Try again",
                };
                failure.public().offering(label, page.clone())
            }
            Self::HostNotAllowed(_) => Public::new(
                StatusCode::BAD_REQUEST,
                "Unknown host",
                "This server does not answer to the host name in the address. If you run the server, add the name to ALLOWED_HOSTS.",
            ),
            Self::BodyTooLarge => Public::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request is too large",
                "The request is larger than this site accepts.",
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
            Self::RevocationsUnknown => Public::try_again(
                "The database is not responding, so we cannot check whether you are signed in. Nothing was lost.",
                RETRY_SECONDS,
            ),
            Self::Throttled(seconds) => throttled(*seconds),
            Self::Overloaded(_) => Public::try_again(
                "The server is busy, so your password was not checked.",
                RETRY_SECONDS,
            ),
            Self::Database(error) => database(error),
            Self::Internal(_) => internal(),
        }
    }
}

fn throttled(seconds: u64) -> Public {
    let wait = plural(seconds);
    Public {
        retry_after: Some(seconds),
        ..Public::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            format!("There were too many attempts from your network. You can try again in {wait}."),
        )
    }
}

/// `1 second`, `2 seconds`.
pub fn plural(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        many => format!("{many} seconds"),
    }
}

fn database(error: &DbError) -> Public {
    match error {
        DbError::Unavailable(_) | DbError::Missing(_) | DbError::Interrupted => Public::try_again(
            "The database is not responding. Nothing was lost.",
            RETRY_SECONDS,
        ),
        DbError::NoPostgres | DbError::Migration(_) | DbError::Rejected(_) => internal(),
    }
}

fn internal() -> Public {
    Public::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong",
        "This is our fault. We have logged it under the request ID below. Please try again, or come back later.",
    )
}
