//! CORS under `/api/`, for pages of `CORS_ALLOWED_ORIGINS`. Responses to other origins have no CORS
//! headers.
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

use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::AppState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
/// django-cors-headers' default list, which existing applications rely on.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with",
);
/// The headers that a page may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
/// django-cors-headers' default of a day, in seconds. Browsers cap it at two hours or a day.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// Answers preflights, and lets pages of listed origins read every other response, errors included.
pub async fn cors(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let settings = &app.settings;
    if settings.cors_allowed_origins.is_empty() || !is_api_path(request.path()) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    let origin = allowed_origin(request.headers(), settings);
    if is_preflight(&request) {
        return Ok(request.into_response(preflight(origin)));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    Ok(response)
}

/// The response to a preflight. No other check applies: a preflight has no credentials, and its response
/// no secret.
fn preflight(origin: Option<HeaderValue>) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(VARY, PREFLIGHT_VARY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
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

/// The request's origin, if `CORS_ALLOWED_ORIGINS` lists it.
fn allowed_origin(headers: &HeaderMap, settings: &Settings) -> Option<HeaderValue> {
    let value = headers.get(ORIGIN)?;
    let origin = Origin::parse(value.to_str().ok()?)?;
    settings
        .cors_allowed_origins
        .contains(&origin)
        .then(|| value.clone())
}

/// Whether the path belongs to the JSON API.
pub fn is_api_path(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}
