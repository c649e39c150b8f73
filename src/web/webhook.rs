//! `POST /webhooks/workos`: signed events from WorkOS.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::audit::{AuditEvent, RefusedKey};
use crate::error::Error;
use crate::middleware::device;
use crate::state::AppState;
use crate::webhooks::EventReceipt;
use crate::workos::webhook::{self, WebhookEvent, WebhookMessage};

const SIGNATURE: &str = "WorkOS-Signature";
/// Without the reason, which may quote the event. The log has it.
const UNREADABLE: &str = "the event cannot be read; see the server's log";

/// Responds with 200 when the event has been applied. WorkOS repeats an event after any other status.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let secret = app.settings.workos.webhook_secret.as_ref();
    let secret = secret.ok_or(Error::NotFound)?;
    let device = device(&request, &app.settings.trusted_proxies);
    let header = request.headers().get(SIGNATURE);
    let header = header.and_then(|value| value.to_str().ok());
    let now = app.clock.now();
    if let Err(error) = webhook::verify(secret, header, &body, now) {
        app.webhooks.log_refusal(&error);
        let key = RefusedKey::WebhookSignature;
        let refused = AuditEvent::KeyRefused { key };
        app.failures.count(refused, &device, now);
        return Ok(refusal(&error.to_string()));
    }
    let message = match WebhookMessage::read(&body) {
        Ok(message) => message,
        Err(error) => {
            log::warn!("failed to read a signed webhook: {error}");
            return Ok(refusal(UNREADABLE));
        }
    };
    let event = match message.parse_event() {
        Ok(event) => event,
        Err(error) => {
            let WebhookMessage { id, event, .. } = &message;
            log::warn!("failed to read webhook {id:?} of type {event:?}: {error}");
            return Ok(refusal(UNREADABLE));
        }
    };
    if matches!(event, WebhookEvent::Other) {
        log::info!("ignored a webhook of type {:?}", message.event);
        return Ok(HttpResponse::Ok().finish());
    }
    let (id, name) = (message.id.clone(), message.event.clone());
    match app.webhooks.receive(message, event, device, now).await? {
        EventReceipt::Applied => log::info!("webhook {id:?}: {name}"),
        EventReceipt::Duplicate => log::info!("webhook {id:?}: {name}, already applied"),
    }
    Ok(HttpResponse::Ok().finish())
}

/// A 400 with one line of text, which WorkOS's dashboard shows.
fn refusal(sentence: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .content_type(ContentType::plaintext())
        .body(format!("{sentence}\n"))
}
