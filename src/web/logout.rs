//! `GET` and `POST /auth/logout`: the end of the session here and at WorkOS.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::LogoutConfirm;
use super::{is_look_ahead, redirect, render};
use crate::error::Error;
use crate::http::session_user::UnrenewedUser;
use crate::middleware::is_cross_site_link;
use crate::sessions::BrowserSession;
use crate::sign_out::SignOutRequest;
use crate::state::AppState;

/// Chromium keeps `no-store` pages too for its Back button, until a cookie changes; but a page that
/// another site's redirect led to, as AuthKit's does after a sign-in, it kept all the same.
const FORGET_PAGES: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clear-site-data"),
    HeaderValue::from_static("\"cache\""),
);

/// Signs out whoever followed a link of ours; asks whoever followed another site's.
pub async fn get(
    request: HttpRequest,
    user: UnrenewedUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    if user.0.is_some() && is_look_ahead(&request) {
        return Ok(HttpResponse::NoContent().finish());
    }
    if user.0.is_some() && is_cross_site_link(&request, &app.settings) {
        let page = render::frame(user.0.as_ref(), None);
        return render::page(StatusCode::OK, &LogoutConfirm { page });
    }
    end(user, &session, &app).await
}

/// Signs out; the cross-site check has been passed.
pub async fn post(
    user: UnrenewedUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    end(user, &session, &app).await
}

/// The end of this browser's session.
pub(super) async fn end(
    user: UnrenewedUser,
    session: &BrowserSession,
    app: &AppState,
) -> Result<HttpResponse, Error> {
    let Some(user) = user.0 else {
        session.end();
        return Ok(redirect("/"));
    };
    let sign_out = SignOutRequest {
        session_id: Some(user.session_id.clone()),
        ..SignOutRequest::default()
    };
    // The row first: a cookie that is gone while its copy still works would be no logout.
    let ended = app.sign_out.sign_out(sign_out, app.clock.now()).await?;
    // Even where the row is gone.
    app.revocations.end(&user.session_id, user.expires_at);
    leave(session, app, ended.workos_sid.as_deref())
}

/// The answer to whoever has signed out: away with the cookie, and on to WorkOS's own log-out where
/// there is a session of WorkOS's.
pub(super) fn leave(
    session: &BrowserSession,
    app: &AppState,
    sid: Option<&str>,
) -> Result<HttpResponse, Error> {
    session.end();
    let mut response = match sid {
        Some(sid) => {
            let return_to = app.settings.workos.logout_return_to.as_deref();
            redirect(app.workos.logout_url(sid, return_to)?.as_str())
        }
        None => redirect("/"),
    };
    let (name, value) = FORGET_PAGES;
    response.headers_mut().insert(name, value);
    Ok(response)
}
