//! CORS under `/api/`, for the pages of `CORS_ALLOWED_ORIGINS`; what no listed origin asks for says
//! nothing of it.
//!
//! Not actix-cors: it knows no path, and answers a preflight that it refuses in plain text, where
//! everything under `/api/` is JSON.

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
/// django-cors-headers' list, which applications of Django's were written against.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with",
);
/// What a page wants to read of an answer beside its body.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
/// django-cors-headers' a day, in seconds; browsers cut it to two hours or to a day.
const KEPT: HeaderValue = HeaderValue::from_static("86400");
const PREFLIGHT_VARIES: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// Answers preflights, and lets a listed origin's pages read every other answer, errors too.
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
    let origin = listed(request.headers(), settings);
    if is_preflight(&request) {
        return Ok(request.into_response(preflight(origin)));
    }
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    Ok(answer)
}

/// Nothing else has a say: a preflight carries no cookie and no token, and its answer no secret.
fn preflight(origin: Option<HeaderValue>) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(VARY, PREFLIGHT_VARIES);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, KEPT);
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

/// An OPTIONS without the browser's question is answered by its route.
fn is_preflight(request: &ServiceRequest) -> bool {
    let asks = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS && asks(ORIGIN) && asks(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The request's origin, if it is listed.
fn listed(headers: &HeaderMap, settings: &Settings) -> Option<HeaderValue> {
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
