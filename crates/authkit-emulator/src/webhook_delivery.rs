//! Sends webhooks, signed as WorkOS signs them, and retries failed deliveries.

use std::time::Duration;

use actix_web::rt;
use actix_web::web::Data;
use aws_lc_rs::hmac;
use reqwest::Client;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock::Millis;
use crate::events::Event;
use crate::state::SharedState;
use crate::webhooks::WebhookEndpoint;

/// The timeout of a delivery, as in WorkOS's emulator.
const TIMEOUT: Duration = Duration::from_secs(5);
/// WorkOS retries up to six times within three days. The emulator retries within seconds.
const RETRIES: u32 = 6;
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Sends events until the server stops.
pub(crate) async fn deliver_events(
    shared: Data<SharedState>,
    mut events: UnboundedReceiver<Event>,
) {
    while let Some(event) = events.recv().await {
        let body = event.webhook_json().to_string();
        for endpoint in shared.webhook_endpoints.for_event(&event.name) {
            // A task for each delivery: a slow endpoint delays neither other endpoints nor later
            // events.
            rt::spawn(deliver(shared.clone(), endpoint, body.clone()));
        }
    }
}

async fn deliver(shared: Data<SharedState>, endpoint: WebhookEndpoint, body: String) {
    let url = &endpoint.url;
    let client = match client(url) {
        Ok(client) => client,
        Err(error) => {
            log::error!("emulator: no webhook to {url}: failed to build an HTTP client: {error}");
            return;
        }
    };
    let mut delay = FIRST_RETRY_DELAY;
    for _ in 0..=RETRIES {
        let request = client
            .post(url)
            .header("Content-Type", "application/json")
            .header(
                "WorkOS-Signature",
                signature(&endpoint.secret, shared.now(), &body),
            )
            .body(body.clone());
        match request.send().await {
            Ok(response) if response.status().is_success() => return,
            Ok(response) => {
                log::info!(
                    "emulator: webhook to {url}: {}; retrying",
                    response.status()
                );
            }
            Err(error) => log::info!("emulator: webhook to {url} failed: {error}; retrying"),
        }
        rt::time::sleep(delay).await;
        delay *= 2;
    }
}

/// A client for this URL. One for plain HTTP does not read the system's certificates, which is slow.
fn client(url: &str) -> reqwest::Result<Client> {
    let builder = Client::builder().timeout(TIMEOUT);
    match url.starts_with("http:") {
        true => builder.tls_certs_only([]),
        false => builder,
    }
    .build()
}

/// The value of the header `WorkOS-Signature`: `t=<milliseconds>, v1=<hex>`.
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
