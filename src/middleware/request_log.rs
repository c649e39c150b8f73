//! The request's id, and its line in the log.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use super::client_ip;
use crate::logging::{self, REQUEST_ID};
use crate::state::AppState;

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

/// Gives the request an id, and writes one line when it is answered. The query is left out: the
/// callback's holds a code.
pub async fn request_log(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = logging::new_request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let begun = Instant::now();
    REQUEST_ID
        .scope(id.clone(), async move {
            let mut answer = next.call(request).await?.map_into_boxed_body();
            write_line(&answer, &app, begun);
            if let Ok(value) = HeaderValue::from_str(&id) {
                answer.headers_mut().insert(HEADER, value);
            }
            Ok(answer)
        })
        .await
}

fn write_line(answer: &ServiceResponse<BoxBody>, app: &AppState, begun: Instant) {
    let request = answer.request();
    let client = client_ip(request, &app.settings.trusted_proxies).map(|ip| ip.to_string());
    let client = client.as_deref().unwrap_or("-");
    let status = answer.status().as_u16();
    let milliseconds = begun.elapsed().as_millis();
    log::info!(
        target: "vestibule::access",
        method = request.method().as_str(), path = request.path(), status = status,
        milliseconds = milliseconds as u64, client = client;
        "{} {} {status} {milliseconds}ms {client}", request.method(), request.path(),
    );
}
