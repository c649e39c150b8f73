//! The pages: each view reads its request, makes one or two calls into the domain, and answers
//! with a template or a redirect.

pub mod account;
pub mod account_sessions;
pub mod attempt;
pub mod callback;
pub mod form;
pub mod health;
pub mod home;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod organization;
pub mod pages;
pub mod password_change;
pub mod password_login;
pub mod render;
pub mod static_files;
pub mod step;
pub mod webhook;

use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};

use crate::accounts::CredentialError;
use crate::error::{Error, InternalError};

/// 302 to `url`, which is ours or WorkOS's.
pub fn redirect(url: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, url))
        .finish()
}

/// The query's pairs, decoded.
fn pairs(request: &HttpRequest) -> Vec<(String, String)> {
    let query = request.query_string().as_bytes();
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// What a right password gave; `None` when it was refused, which is the form's to say. Any other
/// failure leads back to the form, on `page`.
fn unless_refused<T>(outcome: Result<T, CredentialError>, page: &str) -> Result<Option<T>, Error> {
    let error = match outcome {
        Ok(outcome) => return Ok(Some(outcome)),
        Err(CredentialError::Refused) => return Ok(None),
        Err(CredentialError::Overloaded(error)) => Error::from(error),
        Err(CredentialError::Database(error)) => Error::from(error),
        Err(CredentialError::Hash(error)) => InternalError::new("hash a password", error).into(),
    };
    Err(error.on_form(page))
}

/// Whether the browser only looks ahead, by HEAD or by fetching a page before anyone asked for it.
/// Chromium does so for typed addresses; what has an effect must wait until it is asked for.
fn is_look_ahead(request: &HttpRequest) -> bool {
    let purpose = request.headers().get("sec-purpose");
    let prefetch = purpose.is_some_and(|purpose| purpose.as_bytes().starts_with(b"prefetch"));
    prefetch || request.method() == Method::HEAD
}
