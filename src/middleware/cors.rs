//! CORS under `API_PREFIX`, for pages of the origins that the settings allow. Responses to other origins have no
//! CORS headers, except for the public documents.
//!
//! actix-cors is not used: it cannot be limited to a path, and it rejects preflights with plain text,
//! where every response under `/api/` must be JSON.

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::settings::CorsSettings;
use crate::state::AppState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// Answers preflights, and lets pages of listed origins read every other response, errors included.
pub async fn cors(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let settings = &app.settings.cors;
    let route = app.settings.api.prefix.route(request.path());
    let is_public = route == Some("/schema") || is_key_set(request.path());
    let is_on = !settings.is_off() && route.is_some();
    let origin = allowed_origin(request.headers(), settings).filter(|_| is_on);
    if is_on && is_preflight(&request) {
        return Ok(request.into_response(preflight(origin, settings)));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    if is_on {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            settings.expose_headers.clone(),
        );
    } else if is_public {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    }
    Ok(response)
}

fn is_key_set(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path) == "/.well-known/jwks.json"
}

/// The response to a preflight. No other check applies: a preflight has no credentials, and its response
/// no secret.
fn preflight(origin: Option<HeaderValue>, settings: &CorsSettings) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(VARY, PREFLIGHT_VARY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, settings.allow_headers.clone());
        if settings.max_age > 0 {
            headers.insert(ACCESS_CONTROL_MAX_AGE, settings.max_age.into());
        }
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
}

/// Whether this is a preflight. Any other OPTIONS request is answered by its route.
fn is_preflight(request: &ServiceRequest) -> bool {
    let has = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The request's origin, if the settings allow it.
fn allowed_origin(headers: &HeaderMap, settings: &CorsSettings) -> Option<HeaderValue> {
    let value = headers.get(ORIGIN)?;
    settings.allows(value.to_str().ok()?).then(|| value.clone())
}
