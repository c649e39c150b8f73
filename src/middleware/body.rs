//! Bodies are small and arrive in time, or not at all.

use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::error::Error;

/// Plenty for a form or for JSON; what is larger is not meant for any route here.
const LARGEST: usize = 64 * 1024;
/// 64 KiB in this time is 7 KB a second, less than any phone has; slower is meant to hold us up.
const IN_TIME: Duration = Duration::from_secs(10);

/// Reads the body ahead of the handler, within both bounds.
pub async fn bounded_body(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST) {
        return Ok(request.error_response(Error::BodyTooLarge));
    }
    // Without either there is none, and what follows an `Upgrade` that we pass over has no end.
    let has_body = [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|name| request.headers().contains_key(name));
    // actix's extractors would unpack it, past the bound; nobody packs a form, and Django reads it as
    // it is.
    request.headers_mut().remove(CONTENT_ENCODING);
    match request.take_payload() {
        payload if has_body => match tokio::time::timeout(IN_TIME, collect(payload)).await {
            Ok(Ok(body)) => request.set_payload(body.into()),
            Ok(Err(error)) => return Ok(request.error_response(error)),
            Err(_) => return Ok(request.error_response(Error::BodyTooSlow)),
        },
        _ => {}
    }
    next.call(request)
        .await
        .map(ServiceResponse::map_into_boxed_body)
}

async fn collect(mut payload: Payload) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Error::Unreadable(error.to_string()))?;
        if body.len() + chunk.len() > LARGEST {
            return Err(Error::BodyTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
