//! `GET /auth/login`, `GET /signin`: the way to WorkOS.

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::attempt::{Attempt, Attempts};
use super::{pairs, redirect};
use crate::error::Error;
use crate::origin::local_target;
use crate::state::AppState;
use crate::workos::AuthorizeRequest;

/// Marks a request that has been moved to `PUBLIC_URL` once: a proxy that rewrites `Host` would
/// otherwise make it move for ever.
const MOVED: &str = "moved";

/// Begins an attempt and sends the browser to WorkOS.
pub async fn login(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    if let Some(elsewhere) = home_of_the_cookie(&request, &app) {
        return Ok(redirect(&elsewhere));
    }
    let query = pairs(&request);
    let next = query
        .iter()
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.as_str());
    let next = next.and_then(|next| local_target(next, &app.settings.public_url));
    let now = app.clock.now();
    let wishes = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let wishes = AuthorizeRequest::from_query(wishes);
    let attempt = Attempt::start(next.as_deref().unwrap_or_default(), now)?
        .into_organization(wishes.organization_id());
    begin(&request, &app, attempt, &wishes)
}

/// Remembers the attempt and sends the browser to WorkOS.
pub(super) fn begin(
    request: &HttpRequest,
    app: &AppState,
    attempt: Attempt,
    wishes: &AuthorizeRequest,
) -> Result<HttpResponse, Error> {
    let url = app.workos.authorize_url(
        wishes,
        &app.settings.workos.redirect_uri,
        attempt.state(),
        &attempt.pkce(),
    )?;
    let mut response = redirect(url.as_str());
    let now = app.clock.now();
    for cookie in Attempts::of(request, &app.keys, now).join(attempt, &app.keys, app.secure()) {
        response.add_cookie(&cookie)?;
    }
    Ok(response)
}

/// `GET /signin`: where an API logout sends people, by the name that single-page apps know.
pub async fn signin(request: HttpRequest) -> HttpResponse {
    match request.query_string() {
        "" => redirect("/auth/login"),
        query => redirect(&format!("/auth/login?{query}")),
    }
}

/// The same address on `PUBLIC_URL`, when this request came by another allowed host: WorkOS will
/// return to `PUBLIC_URL`, and a cookie that is set elsewhere would not be there.
pub(super) fn home_of_the_cookie(request: &HttpRequest, app: &AppState) -> Option<String> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let public_url = &app.settings.public_url;
    let moved = pairs(request).iter().any(|(name, _)| name == MOVED);
    if host.eq_ignore_ascii_case(public_url.authority()) || moved {
        return None;
    }
    let query = form_urlencoded::Serializer::new(request.query_string().to_owned())
        .append_pair(MOVED, "1")
        .finish();
    Some(format!("{}{}?{query}", public_url.as_str(), request.path()))
}
