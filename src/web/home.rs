//! `GET /`: home.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::{HomePage, Notice, NoticeLevel};
use super::{notice, query_value, render};
use crate::error::Error;
use crate::http::session_user::MaybeUser;
use crate::http::site::Site;
use crate::links::{SIGN_IN_CANCELLED, login_url, password_login_url};
use crate::settings::PasswordLogin;
use crate::state::AppState;

const CANCELLED: Notice<'static> = Notice {
    level: NoticeLevel::Info,
    text: "You cancelled the sign-in. Nothing has changed.",
};

/// Greets a signed-in user, and shows others how to log in.
pub async fn home(
    request: HttpRequest,
    user: MaybeUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let logged_out = notice::after_logout(&request).filter(|_| user.0.is_none());
    let notice = notice::session_over(&request)
        .or(logged_out)
        .or_else(|| notice::from_query(&request, &[(SIGN_IN_CANCELLED, CANCELLED)]));
    // A cancelled sign-in keeps the page that it was to return to.
    let next = query_value(&request, "next");
    let next = next.and_then(|next| Site::of(&request, &app.settings).page_target(&next));
    let next = next.as_deref().unwrap_or("/");
    let with_passwords = app.settings.password_login != PasswordLogin::Off;
    let password_login_url = with_passwords.then(|| password_login_url(next));
    let mut response = render::page(
        StatusCode::OK,
        &HomePage {
            page: render::frame(user.0.as_ref(), notice),
            login_url: &login_url(next),
            password_login_url: password_login_url.as_deref(),
        },
    )?;
    notice::clear(&request, &mut response, app.secure())?;
    Ok(response)
}
