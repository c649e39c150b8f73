//! `POST /webhooks/workos`: signed events of WorkOS's.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::error::Error;
use crate::state::AppState;
use crate::webhooks::{self, Taken};
use crate::workos::webhook::{self, Event, Message};

const SIGNATURE: &str = "WorkOS-Signature";

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
    webhook::verify(secret, header, &body, now).map_err(|error| {
        log::warn!("a webhook is not taken: {error}");
        unreadable(&error)
    })?;
    let message = Message::read(&body).map_err(|error| unreadable(&error))?;
    let event = message.asks().map_err(|error| unreadable(&error))?;
    if matches!(event, Event::Other) {
        log::info!("a webhook that asks nothing: {:?}", message.event);
        return Ok(HttpResponse::Ok().finish());
    }
    let (id, name) = (message.id.clone(), message.event.clone());
    match webhooks::take(&app, message, event, now).await? {
        Taken::Now => log::info!("webhook {id:?}: {name}"),
        Taken::Before => log::info!("webhook {id:?}: {name}, taken before"),
    }
    Ok(HttpResponse::Ok().finish())
}

fn unreadable(error: &impl ToString) -> Error {
    Error::Unreadable(error.to_string())
}
