//! What a client may see of each error: a status, a heading, a message and a link.

mod sign_in;

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Error, MissingRight};
use crate::db::DbError;
use crate::links::{login_url, session_over_url};
pub use sign_in::invitation_message;

/// The seconds to wait if the failed service sent no `Retry-After`.
const RETRY_SECONDS: u64 = 5;
/// The maximum of `Retry-After`, one hour. A larger value from a provider is most likely an error.
const MAX_RETRY_SECONDS: u64 = 3_600;

/// The seconds that a client is told to wait, given the `Retry-After` of a provider.
pub fn retry_seconds(asked: Option<Duration>) -> u64 {
    let seconds = asked.map_or(RETRY_SECONDS, |wait| wait.as_secs());
    seconds.clamp(1, MAX_RETRY_SECONDS)
}

/// What a client may see of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicError {
    /// The status.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub heading: &'static str,
    /// What happened and what to do, in a sentence or two.
    pub message: Cow<'static, str>,
    /// The label and the URL of the main link. An empty URL is the requested page; `None` is the home
    /// page.
    pub action: Option<(&'static str, String)>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
    /// The URL of the password log-in, for failures of WorkOS.
    pub password_login_url: Option<String>,
    /// The code for programs; a script that requests a page then gets JSON.
    pub code: Option<&'static str>,
}

impl PublicError {
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
            code: None,
        }
    }

    fn with_action(self, label: &'static str, url: String) -> Self {
        Self {
            action: Some((label, url)),
            ..self
        }
    }

    fn try_again(message: &'static str, seconds: u64) -> Self {
        let page = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Please try again in a moment",
            message,
        );
        Self {
            retry_after: Some(seconds.clamp(1, MAX_RETRY_SECONDS)),
            ..page
        }
        .with_action("Try again", String::new())
    }

    /// The JSON under `/api/`, with the sentences of Django REST framework, which single-page applications
    /// may compare.
    pub fn json(&self, method: &Method) -> Value {
        let detail = match self.status {
            StatusCode::NOT_FOUND => "Not found.".to_owned(),
            StatusCode::METHOD_NOT_ALLOWED => format!("Method \"{method}\" not allowed."),
            StatusCode::PAYLOAD_TOO_LARGE => "Request body too large.".to_owned(),
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = in_seconds(self.retry_after.unwrap_or(1));
                format!("Request was throttled. Expected available in {wait}.")
            }
            // The page's message refers to the request id, which the JSON does not have.
            StatusCode::INTERNAL_SERVER_ERROR => "A server error occurred.".to_owned(),
            _ => self.message.clone().into_owned(),
        };
        match self.code {
            Some(code) => json!({ "detail": detail, "code": code }),
            None => json!({ "detail": detail }),
        }
    }

    /// The error for a status of actix-web, whose own text is not shown to clients.
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
    pub fn public(&self) -> PublicError {
        match self {
            Self::LoginRequired { next } => PublicError::new(
                StatusCode::FOUND,
                "Please log in",
                "You need to be signed in to see this page.",
            )
            .with_action("Log in", login_url(next)),
            Self::SessionOver { next } => PublicError::new(
                StatusCode::FOUND,
                "Please log in again",
                "Your session has ended.",
            )
            .with_action("Log in", session_over_url(next)),
            Self::ReauthenticationRequired { log_in_url } => PublicError {
                code: Some("reauthentication_required"),
                ..PublicError::new(
                    StatusCode::FORBIDDEN,
                    "Please log in again first",
                    "You logged in more than 15 minutes ago, and this needs a recent log-in. Nothing was changed. Log in again, then repeat what you did.",
                )
            }
            .with_action("Log in again", log_in_url.clone()),
            Self::SessionUnconfirmed { retry_after } => PublicError::try_again(
                "The sign-in service is not responding, so we cannot check whether you are still signed in. Nothing was lost.",
                retry_seconds(Some(*retry_after)),
            ),
            Self::SignIn { failure, next } => failure.public(next),
            Self::NotFound => PublicError::new(
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is nothing at this address. The link may be old, or mistyped.",
            ),
            Self::MethodNotAllowed { .. } => PublicError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "That is not possible here",
                "This address exists, but it cannot be used in that way.",
            ),
            Self::CrossSite => PublicError::new(
                StatusCode::FORBIDDEN,
                "Request refused",
                "The request came from a page of another site, so nothing was done. Please open the page on this site and try again there.",
            ),
            Self::PasswordsOff { next } => PublicError::new(
                StatusCode::FORBIDDEN,
                "Passwords are not used here",
                "This site does not use passwords of its own, so yours was not checked.",
            )
            .with_action("Continue with WorkOS", login_url(next)),
            Self::NoPassword => PublicError::new(
                StatusCode::FORBIDDEN,
                "There is no password to change",
                "You do not use a password of this site to log in.",
            )
            .with_action("Your account", "/account".to_owned()),
            Self::NoSecondFactor => PublicError::new(
                StatusCode::FORBIDDEN,
                "There is no password to protect",
                "An authenticator app protects a password of this site, and you do not use one to log in.",
            )
            .with_action("Your account", "/account".to_owned()),
            Self::NoOrganizations => PublicError::new(
                StatusCode::FORBIDDEN,
                "No organisation to switch to",
                "You are signed in with a password of this site, which does not belong to an organisation. Log in with WorkOS to choose one.",
            )
            .with_action("Continue with WorkOS", login_url("/account")),
            Self::NotSwitched { retry_after } => PublicError::try_again(
                "The organisation could not be switched at the moment. You are still signed in as before.",
                retry_seconds(Some(*retry_after)),
            )
            .with_action("Your account", "/account".to_owned()),
            Self::NotPermitted(missing) => PublicError {
                code: Some("permission_denied"),
                ..PublicError::new(
                    StatusCode::FORBIDDEN,
                    "You do not have access",
                    match missing {
                        MissingRight::Unknown(name) => format!("The proxy in front of this page requires rights by the parameter {name:?}, which does not exist. Its operator has to correct that."),
                        missing => format!("This needs {missing}, which your session does not have. If you have it in another organisation, switch to that one; otherwise ask your administrator."),
                    },
                )
            }
            .with_action("Your account", "/account".to_owned()),
            Self::Impersonated => PublicError::new(
                StatusCode::FORBIDDEN,
                "Not in an impersonated session",
                "Only the owner of the account can do that.",
            )
            .with_action("Your account", "/account".to_owned()),
            Self::OnForm { failure, page } => {
                // Trying again does not help until the operator has corrected the settings.
                let label = match failure.is_operators() {
                    true => "Go back",
                    false => "Try again",
                };
                failure.public().with_action(label, page.clone())
            }
            Self::HostNotAllowed(_) => PublicError::new(
                StatusCode::BAD_REQUEST,
                "Unknown host",
                "This server does not answer to the host name in the address. If you run the server, add the name to ALLOWED_HOSTS.",
            ),
            Self::BodyTooLarge => PublicError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request is too large",
                "The request is larger than this site accepts.",
            ),
            Self::BodyTooSlow => PublicError::new(
                StatusCode::REQUEST_TIMEOUT,
                "That took too long",
                "The request did not arrive in time. Check your connection and try again.",
            ),
            Self::Unreadable(_) => PublicError::new(
                StatusCode::BAD_REQUEST,
                "That did not work",
                "The request could not be understood.",
            ),
            Self::RevocationsUnknown => PublicError::try_again(
                "The database is not responding, so we cannot check whether you are signed in. Nothing was lost.",
                RETRY_SECONDS,
            ),
            Self::Throttled(seconds) => throttled(*seconds),
            Self::Overloaded(_) => PublicError::try_again(
                "The server is busy, so your password was not checked.",
                RETRY_SECONDS,
            ),
            Self::Database(error) => database(error),
            Self::Internal(_) => internal(),
        }
    }
}

fn throttled(seconds: u64) -> PublicError {
    let wait = in_seconds(seconds);
    PublicError {
        retry_after: Some(seconds),
        ..PublicError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            format!("There were too many attempts from your network. You can try again in {wait}."),
        )
    }
}

/// `1 second`, `2 seconds`.
pub fn in_seconds(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        many => format!("{many} seconds"),
    }
}

fn database(error: &DbError) -> PublicError {
    match error {
        DbError::Unavailable(_)
        | DbError::Missing(_)
        | DbError::Lost { .. }
        | DbError::Interrupted => PublicError::try_again(
            "The database is not responding. Nothing was lost.",
            RETRY_SECONDS,
        ),
        DbError::Damaged(_)
        | DbError::NoPostgres
        | DbError::Unsuitable(_)
        | DbError::Migration(_)
        | DbError::Rejected(_) => internal(),
    }
}

fn internal() -> PublicError {
    PublicError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong",
        "This is our fault. We have logged it under the request ID below. Please try again, or come back later.",
    )
}
