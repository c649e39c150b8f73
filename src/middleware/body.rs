//! Limits the size of request bodies and the time that they may take to arrive.

use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::error::Error;

/// The size limit in bytes; no route needs a larger form or JSON body.
const MAX_SIZE: usize = 64 * 1024;
/// The time limit. 64 KiB in this time are 7 KB/s, less than any phone connection; slower clients are
/// likely attacks.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the whole body before the handler runs, within both limits.
pub async fn bounded_body(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_SIZE) {
        return Ok(request.error_response(Error::BodyTooLarge));
    }
    // Without either header there is no body. The stream after an ignored `Upgrade` never ends.
    let has_body = [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|name| request.headers().contains_key(name));
    // actix-web's extractors would decompress the body beyond the limit. Browsers send no compressed
    // bodies, and Django does not decompress them.
    request.headers_mut().remove(CONTENT_ENCODING);
    match request.take_payload() {
        payload if has_body => match tokio::time::timeout(TIMEOUT, collect(payload)).await {
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
        if body.len() + chunk.len() > MAX_SIZE {
            return Err(Error::BodyTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
