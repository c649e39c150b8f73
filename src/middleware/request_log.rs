//! The request's id and its line in the access log.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use ipnet::IpNet;

use super::client_ip;
use crate::logging::{self, REQUEST_ID};
use crate::state::AppState;

/// The longest method and path in the log, in bytes. Paths of this site are much shorter.
const LONGEST_PATH: usize = 256;
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Clone)]
struct RequestId(String);

/// The id of this request, as the log and the error page show it.
pub fn request_id(request: &HttpRequest) -> Option<String> {
    request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
}

/// Gives the request an id, and logs one line when the response is ready. The query is not logged,
/// because that of the callback has an authorization code.
pub async fn request_log(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = logging::new_request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let started = Instant::now();
    REQUEST_ID
        .scope(id.clone(), async move {
            let mut response = next.call(request).await?.map_into_boxed_body();
            write_line(&response, &app.settings.trusted_proxies, started);
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(HEADER, value);
            }
            Ok(response)
        })
        .await
}

fn write_line(response: &ServiceResponse<BoxBody>, trusted_proxies: &[IpNet], started: Instant) {
    let request = response.request();
    let client = client_ip(request, trusted_proxies).map(|ip| ip.to_string());
    let client = client.as_deref().unwrap_or("-");
    let method = logging::shortened(request.method().as_str(), LONGEST_PATH);
    let path = logging::shortened(request.path(), LONGEST_PATH);
    let status = response.status().as_u16();
    let milliseconds = started.elapsed().as_millis();
    log::info!(
        target: "vestibule::access",
        method = &*method, path = &*path, status = status,
        milliseconds = milliseconds as u64, client = client;
        "{method} {path} {status} {milliseconds}ms {client}",
    );
}
