//! An emulator of WorkOS AuthKit: a small server that answers as WorkOS does in production.
//!
//! `vestibule emulator`, `runserver --demo` and the tests use it. It shares no code with the
//! application, so that a test of one tests the other. It listens on loopback addresses only and
//! keeps all data in memory. The ids of users and organisations are derived from email addresses and
//! names, so that they are the same after a restart.
//!
//! # Endpoints
//! `GET|POST /user_management/authorize`, `POST /user_management/authenticate`,
//! `GET /user_management/sessions/logout`, `POST /user_management/sessions/revoke`,
//! `/user_management/users`, `GET /user_management/organization_memberships`, `DELETE …/{id}` and
//! `PUT …/{id}/deactivate`, `POST /auth/factors/{id}/challenge`, `GET /sso/jwks/{client_id}`,
//! `GET /health`, and at `/` a page that describes the emulator.
//!
//! The forms of the sign-in page are posted to the URL of the page. They contain `user=<id>`, or
//! `email=…&password=…`, or `cancel=1`. The sign-up form adds `sign_up=1` and optionally `first_name`
//! and `last_name`. A test signs a user in by posting the same fields to the URL that the application
//! redirected to.
//!
//! # Admin API
//! Another process controls the emulator through `/_emulator/…`, as a test in the same process does
//! through [`Control`]. The bodies are JSON:
//!
//! | request | body |
//! |---|---|
//! | `GET /_emulator/state` | |
//! | `POST /_emulator/clock` | `{"advance_seconds": 600}` |
//! | `POST /_emulator/tokens` | any of `{"access_token_lifetime": 60, "issuer": "…", "audience": "…", "extra_claims": {}}`; an empty `audience` removes it, an extra claim that is null removes the claim |
//! | `POST /_emulator/keys/rotate` | none, or `{"keep_old": false}` |
//! | `GET`, `POST`, `DELETE /_emulator/faults` | `{"endpoint": "/user_management/authenticate", "grant_type": "refresh_token", "times": 2, "effect": {"kind": "status", "status": 429, "body": {"message": "…"}, "retry_after": "1"}}` |
//! | `GET`, `DELETE /_emulator/requests` | |
//!
//! Other effects: `{"kind": "delay", "milliseconds": 500}`, `{"kind": "drop_reply"}`,
//! `{"kind": "half_body"}`, `{"kind": "trickle"}`, `{"kind": "no_answer"}`. Sessions are revoked and users changed or
//! deleted through WorkOS's own endpoints. Requests with a header `Origin` get a 404.
//!
//! # Webhooks
//! The `webhookEndpoints` of the seed (`[{"endpoint_url": "…", "secret": "…", "events": []}]`) receive
//! `user.created`, `user.updated`, `user.deleted`, `session.created`, `session.revoked`,
//! `organization_membership.updated` and `organization_membership.deleted`. They are signed as WorkOS
//! signs them, and sent up to seven times until the endpoint answers with a 2xx status.
//!
//! # Differences from WorkOS
//! An authenticator is enrolled on a page of its own, at the sign-in after `mfa_enrollment`.
//! Invitations come from the seed: no API creates them. Not implemented: device and magic-auth
//! grants, `oauth_tokens`, and certificates (`x5c`) in the key set.
//!
//! # Files
//! - `server`: the route table. `authorize`, `authenticate`, `logout`, `users`, `memberships`: the
//!   handlers. `sign_in_page`, `pages`, `enrollment`: the HTML pages. `admin_api`: `/_emulator/…`.
//! - `sign_in_flow`: the steps between a sign-in and its session; `tokens`: sessions and tokens.
//! - `seed`, `seed_file`: the initial data; `directory_builder`: reads it into the `directory`.
//! - `state`, `store`: everything that handlers share. `model`: users, organisations, invitations.
//! - `faults`, `gate`: what a test orders; `fault_injection`: the middleware that applies it.
//! - `webhooks`: endpoints and outbox; `webhook_delivery`: sends events.

use std::net::{SocketAddr, TcpListener};

use actix_web::web::Data;
use serde_json::Map;
use tokio::sync::watch;

mod admin_api;
mod api_error;
mod api_key;
mod authenticate;
mod authorization;
mod authorize;
mod authorize_query;
mod clock;
mod config;
mod control;
mod directory;
mod directory_builder;
mod enrollment;
mod fault_injection;
mod faults;
mod gate;
mod handle;
mod ids;
mod json_fields;
mod keys;
mod logout;
mod memberships;
mod model;
mod organization_access;
mod pages;
mod redirects;
mod request_log;
mod seed;
mod seed_file;
mod server;
mod sign_in_flow;
mod sign_in_page;
mod state;
mod store;
mod tokens;
mod users;
mod webhook_delivery;
mod webhooks;

pub use config::{Config, DEFAULT_BIND};
pub use control::Control;
pub use faults::{Effect, Fault};
pub use gate::{Gate, GateNotReached};
pub use handle::{DemoInvitation, DemoUser, EmulatorHandle};
pub use keys::KeyError;
pub use model::User;
pub use request_log::RecordedRequest;
pub use seed::{
    Impersonator, Mfa, ONE_TIME_CODE, Seed, SeedConnection, SeedInvitation, SeedMembership,
    SeedOrganization, SeedRole, SeedUser, SeedWebhookEndpoint,
};
pub use seed_file::SeedError;

/// An emulator cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is reachable from other machines.
    #[error(
        "the emulator signs in anybody without a check, so it listens on loopback addresses only: \
         {0} is not one; use 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The address is in use or not available.
    #[error("the emulator cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The seed is invalid.
    #[error("the emulator's seed is invalid: {0}")]
    Seed(String),
    /// No signing key can be generated.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server's thread failed to start.
    #[error("the emulator's server failed to start: {0}")]
    Server(std::io::Error),
}

/// Starts an emulator on a thread of its own. It installs no signal handlers.
///
/// # Errors
/// When the address is not a loopback address or is in use, or when the seed is invalid.
pub fn start(config: Config) -> Result<EmulatorHandle, StartError> {
    if !config.bind.ip().is_loopback() {
        return Err(StartError::NotLoopback(config.bind));
    }
    let bind_error = |source| StartError::Bind {
        address: config.bind,
        source,
    };
    let listener = TcpListener::bind(config.bind).map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let (outbox, events) = webhooks::WebhookOutbox::new();
    let control = Control {
        shared: Data::new(shared_state(config, address, outbox)?),
    };
    let (server, finished) =
        server::spawn(listener, control.clone(), events).map_err(StartError::Server)?;
    Ok(EmulatorHandle::new(control, server, finished))
}

fn shared_state(
    config: Config,
    address: SocketAddr,
    outbox: webhooks::WebhookOutbox,
) -> Result<state::SharedState, StartError> {
    let webhook_endpoints = webhooks::WebhookEndpoints::default();
    for endpoint in &config.seed.webhook_endpoints {
        webhook_endpoints.add(endpoint.into());
    }
    let clock = clock::Clock::new(config.fixed_time);
    let directory =
        directory::Directory::from_seed(&config.seed, clock.now()).map_err(StartError::Seed)?;
    let base_url = format!("http://{address}");
    let issuer = config
        .issuer
        .unwrap_or_else(|| format!("{base_url}/user_management/{}", config.client_id));
    let token_settings = store::TokenSettings {
        lifetime: clock::to_millis(config.access_token_lifetime),
        issuer,
        audience: None,
        extra_claims: Map::new(),
    };
    let store = store::Store::new(directory, keys::KeyRing::new()?, token_settings, outbox);
    Ok(state::SharedState {
        base_url,
        // Browsers send a cookie to every port of a host, and two emulators may run at once.
        cookie_name: format!("authkit_emulator_{}", address.port()),
        api_key: config.api_key,
        client_id: config.client_id,
        redirect_uris: config.redirect_uris,
        logout_uris: config.logout_uris,
        logout_default: config.logout_default,
        clock,
        webhook_endpoints,
        faults: faults::FaultQueue::default(),
        request_log: request_log::RequestLog::default(),
        stopping: watch::Sender::new(false),
        store: store.into(),
    })
}
