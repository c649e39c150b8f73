//! `GET /`: home.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::{Home, Level, Notice};
use super::render;
use super::visitor::MaybeUser;
use crate::error::Error;
use crate::links::{login_url, password_login_url};
use crate::settings::PasswordLogin;
use crate::state::AppState;

const CANCELLED: Notice<'static> = Notice {
    level: Level::Info,
    text: "You cancelled the sign-in. Nothing has changed.",
};

/// A greeting to whoever is signed in, else the way in.
pub async fn home(
    request: HttpRequest,
    user: MaybeUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let notice = render::asked_for(&request, &[("sign-in-cancelled", CANCELLED)]);
    let notice = render::session_over(&request).or(notice);
    let with_passwords = app.settings.password_login != PasswordLogin::Off;
    let password_login_url = with_passwords.then(|| password_login_url("/"));
    render::page(
        StatusCode::OK,
        &Home {
            page: render::frame(user.0.as_ref(), notice),
            login_url: &login_url("/"),
            password_login_url: password_login_url.as_deref(),
        },
    )
}
