//! `GET /`: home.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::pages::{Home, Level, Notice};
use super::pairs;
use super::render;
use super::visitor::MaybeUser;
use crate::error::Error;
use crate::links::login_url;

/// A greeting to whoever is signed in, else the way in.
pub async fn home(request: HttpRequest, user: MaybeUser) -> Result<HttpResponse, Error> {
    let notice = pairs(&request)
        .iter()
        .find(|(name, _)| name == "notice")
        .and_then(|(_, id)| notice(id));
    let page = render::frame(user.0.as_ref(), notice);
    render::page(
        StatusCode::OK,
        &Home {
            page,
            login_url: &login_url("/"),
        },
    )
}

/// The notices that a link may ask for: fixed texts, so that a link can put no words into our mouth.
fn notice(id: &str) -> Option<Notice<'static>> {
    let (level, text) = match id {
        "sign-in-cancelled" => (
            Level::Info,
            "You cancelled the sign-in. Nothing has changed.",
        ),
        _ => return None,
    };
    Some(Notice { level, text })
}
