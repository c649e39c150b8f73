//! The cross-site check: no other site's page does anything in a person's name.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, ORIGIN, REFERER};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use url::Url;

use crate::error::Error;
use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::AppState;

/// Refuses an unsafe method that another site's page sent.
pub async fn cross_site(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let harmless = request.method().is_safe() || touches_no_cookie(request.path(), &app.settings);
    if harmless || is_from_here(request.headers(), &app.settings) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    Ok(request.error_response(Error::CrossSite))
}

/// Whether a route neither reads nor sets a cookie, so that there is nothing to do in a person's name:
/// an application in a web view has an origin that no list could hold.
fn touches_no_cookie(path: &str, settings: &Settings) -> bool {
    let api = &settings.api;
    match path.strip_suffix('/').unwrap_or(path) {
        "/api/token/verify" => true,
        "/api/token/refresh" => api.auth_cookie_name.is_none(),
        "/api/token/blacklist" => api.auth_cookie_name.is_none() || !api.auth_cookie_refresh,
        _ => false,
    }
}

/// A browser says where a request came from; without either header it is no browser. `same-site`
/// alone is not enough: another application may live on a neighbouring host name.
fn is_from_here(headers: &HeaderMap, settings: &Settings) -> bool {
    let site = text(headers, "sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return true;
    }
    match text(headers, ORIGIN.as_str()) {
        Some(origin) => is_ours(origin, settings),
        None => !headers.contains_key("sec-fetch-site") && !headers.contains_key(ORIGIN),
    }
}

fn is_ours(origin: &str, settings: &Settings) -> bool {
    let ours = std::iter::once(&settings.public_url).chain(&settings.cors_allowed_origins);
    Origin::parse(origin).is_some_and(|origin| ours.into_iter().any(|one| *one == origin))
}

/// Whether a link of another site's led here. Browsers send `Sec-Fetch-Site` to https and loopback
/// only, so `Referer` speaks for the rest; a typed address has neither.
pub fn is_cross_site_link(request: &HttpRequest, settings: &Settings) -> bool {
    match text(request.headers(), "sec-fetch-site") {
        Some("same-origin" | "none") => false,
        Some(_) => true,
        None => match text(request.headers(), REFERER.as_str()) {
            Some(referer) => {
                let origin = Url::parse(referer).ok().and_then(|url| Origin::of(&url));
                origin.is_none_or(|origin| origin != settings.public_url)
            }
            None => false,
        },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
