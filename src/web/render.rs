//! Renders templates into responses.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use askama::Template;

use super::pages::{CurrentUser, ImpersonationBanner, Nav, Notice, PageFrame};
use super::static_files;
use crate::error::{Error, InternalError};
use crate::sessions::SessionState;

/// Renders a page.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    let html = template
        .render()
        .map_err(|error| InternalError::new("render a page", error))?;
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .body(html))
}

/// The frame of a page for `user`, or for a visitor who is not signed in.
pub fn frame<'a>(user: Option<&'a SessionState>, notice: Option<Notice<'a>>) -> PageFrame<'a> {
    PageFrame {
        nav: user.map_or(Nav::SignedOut, |user| Nav::SignedIn(current_user(user))),
        notice,
        ..bare_frame()
    }
}

/// The frame of a page that does not know who is signed in.
pub fn bare_frame() -> PageFrame<'static> {
    PageFrame {
        style_url: &static_files::STYLE_URL,
        icon_url: &static_files::ICON_URL,
        nav: Nav::Hidden,
        notice: None,
    }
}

fn current_user(user: &SessionState) -> CurrentUser<'_> {
    let impersonator = user.impersonator.as_ref();
    CurrentUser {
        email: &user.email,
        username: user.username.as_deref().unwrap_or_default(),
        first_name: &user.first_name,
        last_name: &user.last_name,
        picture_url: user.picture_url.as_deref(),
        impersonator: impersonator.map(|impersonator| ImpersonationBanner {
            email: &impersonator.email,
            reason: impersonator.reason.as_deref(),
        }),
    }
}
