//! What all handlers and every [`Control`](crate::Control) of an emulator share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::Data;
use tokio::sync::watch;

use crate::clock::{Clock, Millis};
use crate::faults::FaultQueue;
use crate::request_log::RequestLog;
use crate::store::Store;
use crate::webhooks::WebhookEndpoints;

pub(crate) struct SharedState {
    pub(crate) base_url: String,
    pub(crate) cookie_name: String,
    pub(crate) api_key: String,
    pub(crate) client_id: String,
    /// Registered redirect URIs. If empty, any URI of this machine is allowed.
    pub(crate) redirect_uris: Vec<String>,
    /// Registered sign-out redirects. If empty, any URI of this machine is allowed.
    pub(crate) logout_uris: Vec<String>,
    pub(crate) logout_default: Option<String>,
    pub(crate) clock: Data<Clock>,
    pub(crate) webhook_endpoints: WebhookEndpoints,
    pub(crate) faults: FaultQueue,
    pub(crate) request_log: RequestLog,
    /// Becomes true when the server stops, so that held responses do not delay the stop.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) store: Mutex<Store>,
}

impl SharedState {
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Locks the store. A panic in a handler leaves no change half-made, so a poisoned lock is used.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
