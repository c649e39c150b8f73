//! The pages: each handler reads its request, makes one or two calls into the domain, and responds
//! with a template or a redirect.

pub mod account;
pub mod account_addresses;
pub mod account_sessions;
pub mod authenticator;
pub mod callback;
pub mod code_errors;
pub mod connection_attempt;
pub mod form;
pub mod health;
pub mod home;
pub mod jwks;
pub mod login;
pub mod login_attempt;
pub mod login_code;
pub mod logout;
pub mod notice;
pub mod organization;
pub mod pages;
pub mod password_change;
pub mod password_login;
pub mod provider_connection;
pub mod render;
pub mod session_replacement;
pub mod static_files;
pub mod step;
pub mod webhook;

use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};

use crate::accounts::CredentialError;
use crate::error::{Error, InternalError};
use crate::http::site::Site;

/// A 302 to `url`, which is an address of this site, of WorkOS, or a checked target of a sign-in.
pub fn redirect(url: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, url))
        .finish()
}

/// The redirect target after a sign-in: `next`, or `default` (`LOGIN_REDIRECT_URL`) if `next` is
/// empty.
fn redirect_target<'a>(next: &'a str, default: &'a str) -> &'a str {
    match next {
        "" => default,
        next => next,
    }
}

/// `next` if the sign-in may lead there, else an empty string.
fn valid_next(next: Option<&str>, site: &Site<'_>) -> String {
    let next = next.and_then(|next| site.page_target(next));
    next.unwrap_or_default()
}

/// The decoded pairs of the query.
fn query_pairs(request: &HttpRequest) -> Vec<(String, String)> {
    let query = request.query_string().as_bytes();
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// The decoded query parameter of this name; the first one if it is repeated.
fn query_value(request: &HttpRequest, name: &str) -> Option<String> {
    let mut pairs = query_pairs(request).into_iter();
    pairs
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

/// Maps refused credentials to `None`, so that the form can show its own error. Any other failure
/// becomes an error page that leads back to the form at `form_url`.
fn none_if_refused<T>(
    outcome: Result<T, CredentialError>,
    form_url: &str,
) -> Result<Option<T>, Error> {
    let error = match outcome {
        Ok(outcome) => return Ok(Some(outcome)),
        Err(CredentialError::Refused(_)) => return Ok(None),
        Err(CredentialError::TooManySignIns(seconds)) => Error::Throttled(seconds),
        Err(CredentialError::Overloaded(error)) => Error::from(error),
        Err(CredentialError::Database(error)) => Error::from(error),
        Err(CredentialError::Hash(error)) => InternalError::new("hash a password", error).into(),
    };
    Err(error.on_form(form_url))
}

/// Whether the browser only loads the page in advance, by HEAD or as a prefetch. Chromium does so for
/// typed addresses. Such a request must not have side effects.
fn is_prefetch(request: &HttpRequest) -> bool {
    let purpose = request.headers().get("sec-purpose");
    let prefetch = purpose.is_some_and(|purpose| purpose.as_bytes().starts_with(b"prefetch"));
    prefetch || request.method() == Method::HEAD
}
