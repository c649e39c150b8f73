//! Django's security headers, HSTS on https, and the content security policy.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::state::AppState;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Django's `never_cache`.
const NEVER: HeaderValue =
    HeaderValue::from_static("max-age=0, no-cache, no-store, must-revalidate, private");
/// A year in seconds, the least that browsers' preload lists take. Without `includeSubDomains`: a
/// sign-in page does not decide for its neighbours.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers to every answer. What no view says may be cached may not.
pub async fn security_headers(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let headers = answer.headers_mut();
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    // A page with a script of its own has a policy of its own.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, app.content_security_policy.clone());
    }
    if app.secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    // Whatever a view says: an answer that sets a cookie is one person's, and a cache that kept it
    // would hand their session to others.
    if headers.contains_key(SET_COOKIE) || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, NEVER);
        headers.append(VARY, HeaderValue::from_static("Cookie"));
    }
    Ok(answer)
}
