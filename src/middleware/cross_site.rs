//! The cross-site check: pages of other sites cannot act in the name of a signed-in user (CSRF).

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, ORIGIN, REFERER};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use url::Url;

use crate::error::Error;
use crate::http::form_data::BodyType;
use crate::http::site::Site;
use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::AppState;

/// The media types of bodies that browsers send to another site without a preflight: the safelisted ones of the
/// Fetch standard, and none.
const SIMPLE_TYPES: [&str; 4] = [
    "",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Rejects unsafe requests that a page of another site sent.
pub async fn cross_site(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let headers = request.headers();
    let is_harmless = request.method().is_safe()
        || (uses_no_cookie(request.path(), &app.settings) && was_asked_for(headers));
    if is_harmless || is_same_site(headers, &app.settings) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    Ok(request.error_response(Error::CrossSite))
}

/// Whether the route neither reads nor sets a cookie, so that a request whose answer the page cannot read gains
/// little. Mobile applications in a web view have origins that cannot be listed. Without the cookie policy, a
/// sign-in leaves the tokens to the page that sent it.
pub(super) fn uses_no_cookie(path: &str, settings: &Settings) -> bool {
    let api = &settings.api;
    match api.prefix.route(path).unwrap_or_default() {
        "/token/verify" => true,
        "/token" | "/token/refresh" | "/auth/workos/callback" | "/auth/google" | "/auth/okta" => {
            api.auth_cookie_name.is_none()
        }
        "/token/blacklist" => api.auth_cookie_name.is_none() || !api.auth_cookie_refresh,
        _ => false,
    }
}

/// Whether a browser that sends this request for a page of another site has asked this server before, by a
/// preflight, or an installed application sent it, which no web site can make do so. Browsers send forms and
/// texts without asking: any page could then guess passwords from its visitors' addresses, tell the answers
/// apart by their time, and use up the limits of those addresses.
fn was_asked_for(headers: &HeaderMap) -> bool {
    let content_type = BodyType(text(headers, CONTENT_TYPE.as_str()).unwrap_or_default());
    let is_simple = SIMPLE_TYPES.iter().any(|simple| content_type.is(simple));
    let scheme = text(headers, ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
    let is_installed = scheme.is_some_and(|(scheme, _)| {
        let mut web = ["http", "https"].into_iter();
        !scheme.is_empty() && web.all(|web| !scheme.eq_ignore_ascii_case(web))
    });
    !is_simple || is_installed
}

/// Whether the request came from a page of this site or of `CORS_ALLOWED_ORIGINS`, or from no browser:
/// browsers send at least one of the two headers. `same-site` is not enough, because another
/// application may run on a sibling domain.
fn is_same_site(headers: &HeaderMap, settings: &Settings) -> bool {
    let site = text(headers, "sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return true;
    }
    match text(headers, ORIGIN.as_str()) {
        Some(origin) => is_allowed_origin(origin, headers, settings),
        None => !headers.contains_key("sec-fetch-site") && !headers.contains_key(ORIGIN),
    }
}

/// The origin of another host that signs people in by itself is not allowed, unless it is listed.
fn is_allowed_origin(origin: &str, headers: &HeaderMap, settings: &Settings) -> bool {
    let own = Site::in_headers(headers, settings).origin;
    Origin::parse(origin).is_some_and(|origin| origin == *own) || settings.cors.allows(origin)
}

/// Whether a link on this site led to this request. Browsers send `Sec-Fetch-Site` only to https and
/// loopback, so `Referer` is used otherwise. Without either header the origin of the request is unknown,
/// because a page can suppress `Referer`.
pub fn is_own_link(request: &HttpRequest, settings: &Settings) -> bool {
    match text(request.headers(), "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => text(request.headers(), REFERER.as_str()).is_some_and(|referer| {
            let origin = Url::parse(referer).ok().and_then(|url| Origin::of(&url));
            origin.is_some_and(|origin| origin == *Site::of(request, settings).origin)
        }),
    }
}

/// Whether no page led to this request: an address that was typed in or a bookmark, but also a link in an
/// email or chat program.
pub fn is_typed_address(request: &HttpRequest) -> bool {
    text(request.headers(), "sec-fetch-site") == Some("none")
}

/// Like [`is_own_link`], but also for a link on a site of `CORS_ALLOWED_ORIGINS`.
pub fn is_trusted_link(request: &HttpRequest, settings: &Settings) -> bool {
    let referer = text(request.headers(), REFERER.as_str());
    let referer = referer.and_then(|referer| Url::parse(referer).ok());
    let origin = referer.and_then(|url| Origin::of(&url));
    is_own_link(request, settings)
        || origin.is_some_and(|origin| settings.cors.allows(origin.as_str()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
