//! From a template to an answer.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::pages::{Impersonator, Level, Nav, Notice, Page, Visitor};
use super::{pairs, static_files};
use crate::error::{Error, InternalError};
use crate::http::session_user::SessionOver;
use crate::sessions::SessionState;

/// Said to whoever was signed in until now.
pub const SESSION_ENDED: Notice<'static> = Notice {
    level: Level::Info,
    text: "Your session has ended. Please log in again.",
};

/// Renders a page.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    let html = template
        .render()
        .map_err(|error| InternalError::new("render a page", error))?;
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

/// The notice that the query asks for, out of the page's own: fixed texts, so that a link can put no
/// words into our mouth.
pub fn asked_for<'a>(request: &HttpRequest, notices: &[(&str, Notice<'a>)]) -> Option<Notice<'a>> {
    let query = pairs(request);
    let (_, wanted) = query.iter().find(|(name, _)| name == "notice")?;
    let mut known = notices.iter().filter(|(id, _)| id == wanted);
    known.next().map(|(_, notice)| *notice)
}

/// What to tell somebody whose session has just turned out to be over.
pub fn session_over(request: &HttpRequest) -> Option<Notice<'static>> {
    (SessionOver::of(request) == Some(SessionOver::JustEnded)).then_some(SESSION_ENDED)
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
