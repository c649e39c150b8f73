//! Webhooks: what happens here is told to whoever registered for it, signed as WorkOS signs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::rt;
use actix_web::web::Data;
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::{Millis, iso};
use crate::ids;
use crate::state::Shared;

/// As WorkOS's emulator waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// WorkOS tries again up to six times in three days; here nobody waits for days.
const RETRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// An address that events are sent to.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) secret: String,
    /// Which events; empty: all.
    pub(crate) events: Vec<String>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Event {
    name: &'static str,
    data: Value,
}

/// Where handlers put events; from there they are sent one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(UnboundedSender<Event>);

impl Outbox {
    pub(crate) fn new() -> (Self, UnboundedReceiver<Event>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    pub(crate) fn put(&self, name: &'static str, data: Value) {
        // Nobody sends any more only when the server has ended.
        let _ended = self.0.send(Event { name, data });
    }
}

/// The endpoints that are registered.
#[derive(Debug, Default)]
pub(crate) struct Endpoints(Mutex<Vec<Endpoint>>);

impl Endpoints {
    pub(crate) fn add(&self, endpoint: Endpoint) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(endpoint);
    }

    fn of(&self, event: &str) -> Vec<Endpoint> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |endpoint: &&Endpoint| {
            endpoint.events.is_empty() || endpoint.events.iter().any(|one| one == event)
        };
        all.iter().filter(wanted).cloned().collect()
    }
}

/// Sends what comes until the server ends.
pub(crate) async fn deliver(shared: Data<Shared>, mut events: UnboundedReceiver<Event>) {
    let client = match reqwest::Client::builder().timeout(TIMEOUT).build() {
        Ok(client) => client,
        Err(error) => {
            log::error!("emulator: no webhooks, for there is no HTTP client: {error}");
            return;
        }
    };
    while let Some(event) = events.recv().await {
        let body = json!({
            "id": ids::fresh("event"),
            "event": event.name,
            "data": event.data,
            "created_at": iso(shared.now()),
        })
        .to_string();
        for endpoint in shared.endpoints.of(event.name) {
            // An endpoint that does not answer holds up no other, and no later event.
            rt::spawn(send(client.clone(), shared.clone(), endpoint, body.clone()));
        }
    }
}

async fn send(client: reqwest::Client, shared: Data<Shared>, endpoint: Endpoint, body: String) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..=RETRIES {
        let signature = signature(&endpoint.secret, shared.now(), &body);
        let request = client
            .post(&endpoint.url)
            .header("Content-Type", "application/json")
            .header("WorkOS-Signature", signature)
            .body(body.clone());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => log::info!("emulator: a webhook got {}", answer.status()),
            Err(error) => log::info!("emulator: a webhook got no answer: {error}"),
        }
        rt::time::sleep(pause).await;
        pause *= 2;
    }
}

/// `t=<milliseconds>, v1=<hex>`.
fn signature(secret: &str, now: Millis, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={now}, v1={hex}")
}
