//! From a template to an answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use askama::Template;

use super::pages::{Impersonator, Nav, Notice, Page, Visitor};
use super::static_files;
use crate::error::Error;
use crate::sessions::SessionState;

/// Renders a page.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    let html = template
        .render()
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .body(html))
}

/// What every page needs, for whoever is signed in.
pub fn frame<'a>(user: Option<&'a SessionState>, notice: Option<Notice<'a>>) -> Page<'a> {
    Page {
        nav: user.map_or(Nav::SignedOut, |user| Nav::SignedIn(visitor(user))),
        notice,
        ..bare()
    }
}

/// What every page needs, where it is not known who is signed in.
pub fn bare() -> Page<'static> {
    Page {
        style_url: &static_files::STYLE_URL,
        icon_url: &static_files::ICON_URL,
        nav: Nav::Hidden,
        notice: None,
    }
}

fn visitor(user: &SessionState) -> Visitor<'_> {
    Visitor {
        email: &user.email,
        first_name: &user.first_name,
        last_name: &user.last_name,
        picture_url: user.picture_url.as_deref(),
        impersonator: user.impersonator.as_ref().map(|impersonator| Impersonator {
            email: &impersonator.email,
            reason: impersonator.reason.as_deref(),
        }),
    }
}
