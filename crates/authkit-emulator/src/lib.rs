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
//! `/user_management/users`, `/user_management/organization_memberships` with `…/{id}`,
//! `PUT …/{id}/deactivate` and `PUT …/{id}/reactivate`, `GET /organizations/{id}`, `GET /events`,
//! `POST /auth/factors/{id}/challenge`, `GET /sso/jwks/{client_id}`,
//! `GET /user_management/{client_id}/.well-known/openid-configuration`, `GET /health`, and at `/` a page
//! that describes the emulator.
//!
//! Lists in a query are separated by commas, as WorkOS's OpenAPI description says
//! (`statuses=active,inactive`), or repeated, as WorkOS's Node SDK sends them
//! (`events=user.created&events=user.deleted`). `events[]` of older SDKs is accepted too.
//!
//! # Seed
//! The format is that of WorkOS's own emulator, with a few additional fields:
//!
//! | field | meaning |
//! |---|---|
//! | `users[].external_id`, `.metadata`, `.locale` | fields of the user object |
//! | `users[].challenge` | the `code` of the 403 that a sign-in stops at: `radar_challenge`, `radar_sms_challenge`, `radar_email_challenge`, `radar_sms_sign_in_challenge`, `application_consent_required`, or any other |
//! | `users[].claims`, `claims` | additional claims of one user's or of all access tokens |
//! | `users[].mfa`, `.impersonator` | a second factor; an impersonator |
//! | `organizations[].memberships[].role` or `.roles` | one role or several; the first is the claim `role`, and the claim `permissions` has those of all |
//! | `organizations[].entitlements`, `.sso_required` | the claim `entitlements`; required single sign-on |
//! | `featureFlags[]` | `slug`, `enabled` (default true), `targets` (users and organisations by id, email address or name; empty means all): the claim `feature_flags` |
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
//! | `GET`, `POST`, `DELETE /_emulator/faults` | `{"endpoint": "/user_management/authenticate", "grant_type": "refresh_token", "email": "ada@example.com", "body_contains": "<script", "times": 2, "effect": {"kind": "status", "status": 429, "body": {"message": "…"}, "retry_after": "1"}}` |
//! | `POST /_emulator/roles` | `{"slug": "editor", "permissions": ["posts:read"]}` |
//! | `POST /_emulator/feature_flags` | `{"slug": "beta"}` with any of `"enabled": false, "targets": ["org_…"]` |
//! | `POST /_emulator/organizations` | `{"id": "org_…"}` with any of `"name": "…", "entitlements": []` |
//! | `POST /_emulator/users` | `{"id": "user_…"}` with any of `"challenge": "radar_sms_challenge", "claims": {}`; an empty `challenge` removes it |
//! | `POST /_emulator/events` | `{"event": "user.updated", "data": {}}` adds an event and sends its webhooks; with `"count": 50000, "interval_milliseconds": 50` it adds as many without webhooks, the last of them now. The answer is `{"first_id": "event_…", "last_id": "event_…"}` |
//! | `GET`, `DELETE /_emulator/requests` | |
//!
//! Other effects: `{"kind": "delay", "milliseconds": 500}`, `{"kind": "drop_reply"}`,
//! `{"kind": "half_body"}`, `{"kind": "trickle"}`, `{"kind": "no_answer"}`. Sessions are revoked, users
//! changed or deleted, and memberships created, changed or ended through WorkOS's own endpoints. Requests with a header `Origin` get a 404.
//!
//! # Events and webhooks
//! Changes add events: `user.created`, `.updated`, `.deleted`; `session.created`, `.revoked`;
//! `organization_membership.created`, `.updated`, `.deleted`; `invitation.accepted`;
//! `organization.updated`; `role.created`, `.updated`; `flag.created`, `.updated`, `.rule_updated`;
//! `authentication.password_…`, `.oauth_…`, `.sso_…`, `.mfa_…`, `.email_verification_…` with `succeeded`
//! or `failed`.
//!
//! `GET /events` lists those of the last thirty days, at most 100,000, in the order `desc` unless the
//! request says `order=asc`. Ids are in the order of time. A cursor stays valid after its event has been
//! discarded, and `list_metadata.after` is null on the last page.
//!
//! The `webhookEndpoints` of the seed (`[{"endpoint_url": "…", "secret": "…", "events": []}]`) receive
//! the same events with the same ids. They are signed as WorkOS signs them, and sent up to seven times
//! until the endpoint answers with a 2xx status.
//!
//! # Differences from WorkOS
//! An authenticator is enrolled on a page of its own, at the sign-in after `mfa_enrollment`; a challenge
//! is passed in the same way. After the end of a membership a refresh still succeeds: the token has
//! `org_id`, but neither `role` nor `permissions`. Invitations come from the seed: no API creates them.
//! All organisations have the same roles. Not implemented: device, magic-auth and Radar grants,
//! `oauth_tokens`, addresses and user agents in events, and certificates (`x5c`) in the key set.
//!
//! # Files
//! - `server`: the route table. `authorize`, `authenticate`, `factor_challenge`, `logout`, `users`,
//!   `memberships`, `events_api`: the handlers. `sign_in_page`, `pages`, `hosted_step`: the HTML pages.
//!   `admin_api`, `admin_changes`: `/_emulator/…`.
//! - `control`, `directory_control`: the same and more for tests in the same process.
//! - `sign_in_flow`: the steps between a sign-in and its session; `tokens`: sessions and tokens.
//! - `seed`, `seed_file`: the initial data; `directory_builder`: reads it into the `directory`.
//! - `state`, `store`: everything that handlers share. `model`: users and invitations; `organization`:
//!   organisations, members, roles, feature flags; `directory_changes`: changes and their events.
//! - `faults`, `gate`: what a test orders; `fault_injection`: the middleware that applies it.
//! - `events`: the log of events; `webhooks`: endpoints; `webhook_delivery`: sends events.

use std::net::{SocketAddr, TcpListener};

use actix_web::web::Data;
use tokio::sync::watch;

mod admin_api;
mod admin_changes;
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
mod directory_changes;
mod directory_control;
mod events;
mod events_api;
mod factor_challenge;
mod fault_injection;
mod faults;
mod gate;
mod handle;
mod hosted_step;
mod ids;
mod json_fields;
mod keys;
mod list_query;
mod logout;
mod memberships;
mod model;
mod organization;
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
    Impersonator, Mfa, ONE_TIME_CODE, Seed, SeedConnection, SeedFeatureFlag, SeedInvitation,
    SeedMembership, SeedOrganization, SeedRole, SeedUser, SeedWebhookEndpoint,
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
    let clock = Data::new(clock::Clock::new(config.fixed_time));
    let (log, events) = events::EventLog::new(clock.clone());
    let control = Control {
        shared: Data::new(shared_state(config, address, clock, log)?),
    };
    let (server, finished) =
        server::spawn(listener, control.clone(), events).map_err(StartError::Server)?;
    Ok(EmulatorHandle::new(control, server, finished))
}

fn shared_state(
    config: Config,
    address: SocketAddr,
    clock: Data<clock::Clock>,
    log: events::EventLog,
) -> Result<state::SharedState, StartError> {
    let webhook_endpoints = webhooks::WebhookEndpoints::default();
    for endpoint in &config.seed.webhook_endpoints {
        webhook_endpoints.add(endpoint.into());
    }
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
        extra_claims: config.seed.claims.clone(),
        continues_sessions: false,
    };
    let keys = keys::KeyRing::new()?;
    let store = store::Store::new(directory, keys, token_settings, log, base_url.clone());
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
