//! Faults that a test orders: failures, delays, replies that never arrive or only by half.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorBadRequest, ErrorInternalServerError, PayloadError};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpResponse};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::recorder::Recorded;
use crate::state::Shared;

/// A fault for the next requests to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A path; what lies below it counts too, as `/sso/jwks` shows.
    pub endpoint: String,
    /// Only requests with this `grant_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// How many requests it strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

/// What a fault does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Nothing is done; this is the answer.
    Status {
        /// The status, 200 to 599.
        status: u16,
        /// A JSON body, or a string that is sent as it is, as HTML.
        #[serde(default)]
        body: Value,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The request is done at once and its answer held back.
    Delay {
        /// For how long.
        milliseconds: u64,
    },
    /// The request is done, and the connection closed without a byte of the answer.
    DropReply,
    /// The request is done; half of the answer's body is sent, then the connection is closed.
    HalfBody,
    /// Nothing is done and nothing is sent, until the client gives up.
    NoAnswer,
}

impl Fault {
    /// A fault for the next request to `endpoint`.
    #[must_use]
    pub fn once(endpoint: &str, effect: Effect) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            grant_type: None,
            times: 1,
            effect,
        }
    }

    /// The same fault for the next `times` requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault for requests of one grant only.
    #[must_use]
    pub fn grant_type(mut self, grant_type: &str) -> Self {
        self.grant_type = Some(grant_type.to_owned());
        self
    }

    fn strikes(&self, request: &Recorded) -> bool {
        let below = request.path.strip_prefix(&self.endpoint);
        let path = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let grant = self.grant_type.is_none() || self.grant_type.as_deref() == request.grant_type();
        path && grant && self.times > 0
    }
}

impl Effect {
    /// A failure with a JSON body and no `Retry-After`.
    #[must_use]
    pub fn status(status: u16, body: Value) -> Self {
        Self::Status {
            status,
            body,
            retry_after: None,
        }
    }
}

/// The faults that are still to come, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
}

impl Faults {
    fn waiting(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.waiting().push(fault);
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.waiting().clone()
    }

    pub(crate) fn clear(&self) {
        self.waiting().clear();
    }

    fn take(&self, request: &Recorded) -> Option<Effect> {
        let mut waiting = self.waiting();
        let fault = waiting.iter_mut().find(|fault| fault.strikes(request))?;
        fault.times -= 1;
        let effect = fault.effect.clone();
        waiting.retain(|fault| fault.times > 0);
        Some(effect)
    }
}

/// The middleware: records every request, and plays the fault that waits for it.
pub(crate) async fn watch(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.path().starts_with("/_emulator") {
        return next.call(request).await;
    }
    let shared = request
        .app_data::<Data<Shared>>()
        .cloned()
        .ok_or_else(|| ErrorInternalServerError("the emulator's state is missing"))?;
    let body = request.extract::<Bytes>().await.map_err(ErrorBadRequest)?;
    let recorded = Recorded::read(request.request(), &body);
    let whole = stream::once(async move { Ok::<_, PayloadError>(body) });
    request.set_payload(Payload::Stream {
        payload: whole.boxed_local(),
    });
    shared.recorder.add(recorded.clone());
    match shared.faults.take(&recorded) {
        None => next.call(request).await,
        Some(Effect::Status {
            status,
            body,
            retry_after,
        }) => Ok(request.into_response(failure(status, &body, retry_after.as_deref()))),
        Some(Effect::Delay { milliseconds }) => {
            let response = next.call(request).await?;
            let _elapsed =
                tokio::time::timeout(Duration::from_millis(milliseconds), stopping(&shared)).await;
            Ok(response)
        }
        Some(Effect::DropReply) => cut(next.call(request).await?, 0).await,
        Some(Effect::HalfBody) => cut(next.call(request).await?, 2).await,
        Some(Effect::NoAnswer) => {
            stopping(&shared).await;
            cut(request.into_response(HttpResponse::Ok().finish()), 0).await
        }
    }
}

async fn stopping(shared: &Shared) {
    let mut stopping = shared.stopping.subscribe();
    // An error means that the sender is gone, which is the end as well.
    let _ended = stopping.wait_for(|stopping| *stopping).await;
}

fn failure(status: u16, body: &Value, retry_after: Option<&str>) -> HttpResponse {
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

/// Sends one part in `parts` of the body (none of it, nor a head, for 0) and hangs up.
async fn cut(response: ServiceResponse<BoxBody>, parts: usize) -> Result<ServiceResponse, Error> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(ErrorInternalServerError)?;
    let length = body.len().max(1) as u64;
    let sent = body
        .len()
        .checked_div(parts)
        .map(|length| body.slice(..length));
    let hang_up = || Err(ErrorInternalServerError("cut on purpose"));
    // An error before the first wait closes the connection with even the head unsent; the wait
    // between the two lets the first part out.
    let stream = match sent {
        None => stream::once(async move { hang_up() }).boxed_local(),
        Some(part) => stream::iter([Ok(part)])
            .chain(stream::once(async move {
                tokio::task::yield_now().await;
                hang_up()
            }))
            .boxed_local(),
    };
    let body = BoxBody::new(SizedStream::new(length, stream));
    Ok(ServiceResponse::new(request, response.set_body(body)))
}
