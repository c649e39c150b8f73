//! An AuthKit for one machine: a small server that answers as WorkOS's production does.
//!
//! It serves `vestibule emulator`, `runserver --demo` and the tests, and shares no code with the
//! client that it tests. It listens on loopback only and keeps everything in memory; ids of users
//! and organisations are derived from e-mail and name, so that a database which outlives it
//! still knows them.
//!
//! # What it serves
//! `GET|POST /user_management/authorize`, `POST /user_management/authenticate`,
//! `GET /user_management/sessions/logout`, `POST /user_management/sessions/revoke`,
//! `/user_management/users`, `GET /user_management/organization_memberships`, `DELETE …/{id}` and
//! `PUT …/{id}/deactivate`, `POST /auth/factors/{id}/challenge`, `GET /sso/jwks/{client_id}`,
//! `GET /health`, and a page about itself at `/`.
//!
//! The sign-in page posts to its own URL: `user=<id>`, or `email=…&password=…`, the latter with
//! `sign_up=1` (and `first_name`, `last_name`) for somebody new, or `cancel=1`.
//! A test signs in by posting the same to the URL that the application redirected to.
//!
//! # Steering it over HTTP
//! What [`Control`] does in-process, `/_emulator/…` does for another process, with JSON bodies:
//!
//! | request | body |
//! |---|---|
//! | `GET /_emulator/state` | |
//! | `POST /_emulator/clock` | `{"advance_seconds": 600}` |
//! | `POST /_emulator/tokens` | any of `{"access_token_lifetime": 60, "issuer": "…", "audience": "…", "extra_claims": {}}`; an empty `audience` is none |
//! | `POST /_emulator/keys/rotate` | none, or `{"keep_old": false}` |
//! | `GET`, `POST`, `DELETE /_emulator/faults` | `{"endpoint": "/user_management/authenticate", "grant_type": "refresh_token", "times": 2, "effect": {"kind": "status", "status": 429, "body": {"message": "…"}, "retry_after": "1"}}` |
//! | `GET`, `DELETE /_emulator/requests` | |
//!
//! Other effects: `{"kind": "delay", "milliseconds": 500}`, `{"kind": "drop_reply"}`,
//! `{"kind": "half_body"}`, `{"kind": "no_answer"}`. Sessions are revoked and users changed or
//! deleted through WorkOS's own endpoints. Requests that carry an `Origin` get 404.
//!
//! # Webhooks
//! The seed's `webhookEndpoints` (`[{"endpoint_url": "…", "secret": "…", "events": []}]`) are told of
//! `user.created`, `user.updated`, `user.deleted`, `session.created`, `session.revoked`,
//! `organization_membership.updated` and `organization_membership.deleted`, signed as WorkOS signs, and
//! up to seven times where they do not answer with 2xx.
//!
//! # Where it stops short of production
//! A second factor is set up on its own page alone (a fresh sign-in after `mfa_enrollment`), invitations
//! are the seed's (there is no API that makes them), no device or magic-auth grants, no `oauth_tokens`, and no
//! certificates (`x5c`) in the key set.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::web::Data;
use serde_json::Map;
use tokio::sync::watch;

mod admin_api;
mod api_key;
mod authenticate;
mod authorization;
mod authorize;
mod clock;
mod control;
mod directory;
mod enrollment;
mod fault_injection;
mod faults;
mod gate;
mod handle;
mod ids;
mod invitations;
mod keys;
mod logout;
mod memberships;
mod model;
mod pages;
mod replies;
mod request_log;
mod seed;
mod server;
mod state;
mod tokens;
mod users;
mod webhooks;

pub use control::Control;
pub use faults::{Effect, Fault};
pub use gate::{Gate, GateNotReached};
pub use handle::{DemoInvitation, DemoUser, EmulatorHandle};
pub use keys::KeyError;
pub use model::User;
pub use request_log::RecordedRequest;
pub use seed::{
    Impersonator, Mfa, ONE_TIME_CODE, Seed, SeedConnection, SeedError, SeedInvitation,
    SeedMembership, SeedOrganization, SeedRole, SeedUser,
};

/// Where `vestibule emulator` listens unless told otherwise; the port is WorkOS's emulator's.
pub const DEFAULT_BIND: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4100);

/// What an emulator is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on, of this machine only; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The API key: `client_secret` and bearer token.
    pub api_key: String,
    /// The client id.
    pub client_id: String,
    /// Who can sign in.
    pub seed: Seed,
    /// Registered redirect URIs, compared letter by letter; empty: any URI of this machine.
    pub redirect_uris: Vec<String>,
    /// Registered sign-out redirects; empty: any URI of this machine.
    pub logout_uris: Vec<String>,
    /// Where a logout without `return_to` ends; a plain page by default.
    pub logout_default: Option<String>,
    /// How long access tokens live; five minutes by default, as WorkOS's.
    pub access_token_lifetime: Duration,
    /// The claim `iss`; by default the base URL and `/user_management/{client_id}`.
    pub issuer: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(DEFAULT_BIND.ip(), 0),
            api_key: "sk_test_emulator".to_owned(),
            client_id: "client_emulator".to_owned(),
            seed: Seed::default(),
            redirect_uris: Vec::new(),
            logout_uris: Vec::new(),
            logout_default: None,
            access_token_lifetime: Duration::from_secs(300),
            issuer: None,
        }
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can be reached from other machines.
    #[error(
        "the emulator signs anybody in and so binds to this machine only: {0} is no loopback address, use 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or not to be had.
    #[error("the emulator cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The seed contradicts itself.
    #[error("the emulator's seed is malformed: {0}")]
    Seed(String),
    /// No signing key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server's thread did not come up.
    #[error("the emulator's server did not start: {0}")]
    Server(std::io::Error),
}

/// Starts an emulator on a thread of its own, with no signal handlers.
///
/// # Errors
/// When the address is not loopback or is taken, or the seed contradicts itself.
pub fn start(config: Config) -> Result<EmulatorHandle, StartError> {
    if !config.bind.ip().is_loopback() {
        return Err(StartError::NotLoopback(config.bind));
    }
    let failed = |source| StartError::Bind {
        address: config.bind,
        source,
    };
    let listener = TcpListener::bind(config.bind).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (outbox, events) = webhooks::Outbox::new();
    let control = Control {
        shared: Data::new(shared(config, address, outbox)?),
    };
    let (handle, ended) =
        server::spawn(listener, control.clone(), events).map_err(StartError::Server)?;
    Ok(EmulatorHandle::new(control, handle, ended))
}

fn shared(
    config: Config,
    address: SocketAddr,
    outbox: webhooks::Outbox,
) -> Result<state::Shared, StartError> {
    let endpoints = webhooks::Endpoints::default();
    for endpoint in &config.seed.webhook_endpoints {
        endpoints.add(endpoint.registered());
    }
    let clock = clock::Clock::default();
    let directory =
        directory::Directory::new(&config.seed, clock.now()).map_err(StartError::Seed)?;
    let base_url = format!("http://{address}");
    let issuer = config
        .issuer
        .unwrap_or_else(|| format!("{base_url}/user_management/{}", config.client_id));
    let tokens = state::TokenSettings {
        lifetime: clock::millis(config.access_token_lifetime),
        issuer,
        audience: None,
        extra_claims: Map::new(),
    };
    let state = state::State::new(directory, keys::KeyRing::new()?, tokens, outbox);
    Ok(state::Shared {
        base_url,
        // Cookies do not tell ports apart, and two emulators may run at once.
        cookie_name: format!("authkit_emulator_{}", address.port()),
        api_key: config.api_key,
        client_id: config.client_id,
        redirect_uris: config.redirect_uris,
        logout_uris: config.logout_uris,
        logout_default: config.logout_default,
        clock,
        endpoints,
        faults: faults::FaultQueue::default(),
        request_log: request_log::RequestLog::default(),
        stopping: watch::Sender::new(false),
        state: state.into(),
    })
}
