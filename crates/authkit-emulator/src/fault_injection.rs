//! The middleware that records every request and applies the queued faults.

use std::pin::pin;
use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorBadRequest, ErrorInternalServerError, PayloadError};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpResponse};
use futures_util::future::select;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::faults::Effect;
use crate::request_log::RecordedRequest;
use crate::state::SharedState;

/// The time between two bytes of a response that trickles.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(100);

/// Records a request, then applies the first queued fault that matches it.
pub(crate) async fn record_and_inject(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.path().starts_with("/_emulator") {
        return next.call(request).await;
    }
    let shared = request
        .app_data::<Data<SharedState>>()
        .cloned()
        .ok_or_else(|| ErrorInternalServerError("the emulator's state is missing"))?;
    let body = request.extract::<Bytes>().await.map_err(ErrorBadRequest)?;
    let recorded = RecordedRequest::read(request.request(), &body);
    let body_again = stream::once(async move { Ok::<_, PayloadError>(body) });
    request.set_payload(Payload::Stream {
        payload: body_again.boxed_local(),
    });
    shared.request_log.add(recorded.clone());
    let token = recorded.body.get("refresh_token").and_then(Value::as_str);
    let renewed = token.and_then(|token| shared.store().email_of_refresh_token(token));
    match shared.faults.next_for(&recorded, renewed.as_deref()) {
        None => next.call(request).await,
        Some(Effect::Status {
            status,
            body,
            retry_after,
        }) => {
            let response = status_response(status, &body, retry_after.as_deref());
            Ok(request.into_response(response))
        }
        Some(Effect::Hold { gate }) => {
            let response = next.call(request).await?;
            until_stopping(&shared, gate.pass()).await;
            Ok(response)
        }
        Some(Effect::Delay { milliseconds }) => {
            let response = next.call(request).await?;
            let delay = tokio::time::sleep(Duration::from_millis(milliseconds));
            until_stopping(&shared, delay).await;
            Ok(response)
        }
        Some(Effect::DropReply) => close_without_response(next.call(request).await?),
        Some(Effect::HalfBody) => send_half_of_body(next.call(request).await?).await,
        Some(Effect::Trickle) => trickle(&shared, next.call(request).await?).await,
        Some(Effect::NoAnswer) => {
            until_stopping(&shared, std::future::pending()).await;
            close_without_response(request.into_response(HttpResponse::Ok().finish()))
        }
    }
}

/// Waits for `event`, or until the server stops.
async fn until_stopping(shared: &SharedState, event: impl Future<Output = ()>) {
    let mut stopping = shared.stopping.subscribe();
    // An error would mean that the sender has been dropped, which is the end of the server too.
    let stopping = pin!(stopping.wait_for(|stopping| *stopping));
    select(pin!(event), stopping).await;
}

fn status_response(status: u16, body: &Value, retry_after: Option<&str>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = retry_after {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    match body {
        Value::Null => response.finish(),
        Value::String(text) => response.content_type("text/html").body(text.clone()),
        body => response.json(body),
    }
}

fn connection_closed() -> Error {
    ErrorInternalServerError("an injected fault closed the connection")
}

fn close_without_response(response: ServiceResponse<BoxBody>) -> Result<ServiceResponse, Error> {
    // A body stream that fails before its first wait makes actix-web close the connection before
    // it has sent the response head.
    let body = stream::once(async { Err::<Bytes, Error>(connection_closed()) });
    Ok(response.map_body(|_, _| BoxBody::new(SizedStream::new(1, body))))
}

async fn send_half_of_body(response: ServiceResponse<BoxBody>) -> Result<ServiceResponse, Error> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(ErrorInternalServerError)?;
    let length = body.len() as u64;
    let half = body.slice(..body.len() / 2);
    let rest = stream::once(async {
        // Lets the server send the first half before the error closes the connection.
        tokio::task::yield_now().await;
        Err(connection_closed())
    });
    let stream = stream::iter([Ok(half)]).chain(rest).boxed_local();
    let body = BoxBody::new(SizedStream::new(length.max(1), stream));
    Ok(ServiceResponse::new(request, response.set_body(body)))
}

/// Sends a byte in each [`TRICKLE_INTERVAL`], and never the last one.
async fn trickle(
    shared: &Data<SharedState>,
    response: ServiceResponse<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(ErrorInternalServerError)?;
    let length = body.len() as u64;
    let (shared, sent) = (shared.clone(), 0);
    let bytes = stream::unfold((shared, body, sent), |(shared, body, sent)| async move {
        until_stopping(&shared, tokio::time::sleep(TRICKLE_INTERVAL)).await;
        let is_over = *shared.stopping.borrow() || sent + 1 >= body.len();
        let next = match is_over {
            true => Err(connection_closed()),
            false => Ok(body.slice(sent..=sent)),
        };
        Some((next, (shared, body, sent + 1)))
    });
    let body = BoxBody::new(SizedStream::new(length.max(1), bytes.boxed_local()));
    Ok(ServiceResponse::new(request, response.set_body(body)))
}
