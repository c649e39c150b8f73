//! `GET /`: home.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::{Home, Level, Notice};
use super::{pairs, render};
use crate::error::Error;
use crate::http::session_user::MaybeUser;
use crate::links::{SIGN_IN_CANCELLED, login_url, password_login_url};
use crate::origin::local_target;
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
    let notice = render::asked_for(&request, &[(SIGN_IN_CANCELLED, CANCELLED)]);
    let notice = render::session_over(&request).or(notice);
    // A sign-in that was cancelled may have been on its way somewhere.
    let next = pairs(&request).into_iter().find(|(name, _)| name == "next");
    let next = next.and_then(|(_, next)| local_target(&next, &app.settings.public_url));
    let next = next.as_deref().unwrap_or("/");
    let with_passwords = app.settings.password_login != PasswordLogin::Off;
    let password_login_url = with_passwords.then(|| password_login_url(next));
    render::page(
        StatusCode::OK,
        &Home {
            page: render::frame(user.0.as_ref(), notice),
            login_url: &login_url(next),
            password_login_url: password_login_url.as_deref(),
        },
    )
}
