//! `POST /webhooks/workos`: signed events of WorkOS's.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::Error;
use crate::state::AppState;
use crate::webhooks::EventReceipt;
use crate::workos::webhook::{self, WebhookEvent, WebhookMessage};

const SIGNATURE: &str = "WorkOS-Signature";
/// What is wrong with it, the log tells: it may quote the event.
const UNREADABLE: &str = "the event cannot be read; the server's log tells why";

/// Answers 200 once the event is in the tables; what is refused with another status is sent again.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let secret = app.settings.workos.webhook_secret.as_ref();
    let secret = secret.ok_or(Error::NotFound)?;
    let header = request.headers().get(SIGNATURE);
    let header = header.and_then(|value| value.to_str().ok());
    let now = app.clock.now();
    if let Err(error) = webhook::verify(secret, header, &body, now) {
        log::warn!("a webhook is not taken: {error}");
        return Ok(refusal(&error.to_string()));
    }
    let message = match WebhookMessage::read(&body) {
        Ok(message) => message,
        Err(error) => {
            log::warn!("a signed webhook is no event: {error}");
            return Ok(refusal(UNREADABLE));
        }
    };
    let event = match message.asks() {
        Ok(event) => event,
        Err(error) => {
            let WebhookMessage { id, event, .. } = &message;
            log::warn!("webhook {id:?}: {event:?} cannot be read: {error}");
            return Ok(refusal(UNREADABLE));
        }
    };
    if matches!(event, WebhookEvent::Other) {
        log::info!("a webhook that asks nothing: {:?}", message.event);
        return Ok(HttpResponse::Ok().finish());
    }
    let (id, name) = (message.id.clone(), message.event.clone());
    match app.webhooks.receive(message, event, now).await? {
        EventReceipt::Applied => log::info!("webhook {id:?}: {name}"),
        EventReceipt::Duplicate => log::info!("webhook {id:?}: {name}, taken before"),
    }
    Ok(HttpResponse::Ok().finish())
}

/// 400 in one line: WorkOS's dashboard shows it to an operator.
fn refusal(sentence: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .content_type(ContentType::plaintext())
        .body(format!("{sentence}\n"))
}
