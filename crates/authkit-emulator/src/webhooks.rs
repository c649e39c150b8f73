//! Webhook endpoints. [`webhook_delivery`](crate::webhook_delivery) sends events to them.

use std::sync::{Mutex, PoisonError};

use crate::seed::SeedWebhookEndpoint;

/// An endpoint that events are sent to.
#[derive(Debug, Clone)]
pub(crate) struct WebhookEndpoint {
    pub(crate) url: String,
    pub(crate) secret: String,
    /// The events to send. An empty list means all events.
    pub(crate) events: Vec<String>,
}

impl From<&SeedWebhookEndpoint> for WebhookEndpoint {
    fn from(seed: &SeedWebhookEndpoint) -> Self {
        Self {
            url: seed.endpoint_url.clone(),
            secret: seed
                .secret
                .clone()
                .unwrap_or_else(|| "whsec_emulator".to_owned()),
            events: seed.events.clone(),
        }
    }
}

/// The registered endpoints.
#[derive(Debug, Default)]
pub(crate) struct WebhookEndpoints(Mutex<Vec<WebhookEndpoint>>);

impl WebhookEndpoints {
    pub(crate) fn add(&self, endpoint: WebhookEndpoint) {
        let mut endpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.push(endpoint);
    }

    /// The endpoints that receive this event.
    pub(crate) fn for_event(&self, event: &str) -> Vec<WebhookEndpoint> {
        let endpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let receives = |endpoint: &&WebhookEndpoint| {
            endpoint.events.is_empty() || endpoint.events.iter().any(|name| name == event)
        };
        endpoints.iter().filter(receives).cloned().collect()
    }
}
