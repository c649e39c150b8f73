//! vestibule: sign-in, sessions and user accounts for a web application.
//!
//! # Layout
//!
//! A request takes one path: [`urls`] → a handler in [`web`] or [`api`] → one or two calls of a service
//! in [`state`] → a template or JSON.
//!
//! - [`urls`]: the route table; [`web`]: the pages; [`error`]: the error type and what
//!   clients see of it.
//! - [`sign_in`], [`sign_out`], [`renewal`], [`webhooks`]: the services that begin, end and renew
//!   sessions, and apply WorkOS's events.
//! - [`accounts`]: user accounts and their passwords; [`django_import`]: moves Django's users here.
//! - [`sessions`]: browser sessions, their cookie and their row; [`workos_facts`]: what WorkOS says of one.
//! - [`known_sessions`]: what sessions know, in memory; [`forward_auth`]: answers a proxy that asks who a request's user is.
//! - [`tokens`]: first-party tokens; [`api`]: the JSON routes and their OpenAPI document;
//!   [`throttle`]: rate limits; [`client_network`]: the networks that they count.
//! - [`memberships`]: a cache of users' organisations; [`audit`]: the audit trail; [`purge`]: deletes
//!   expired rows.
//! - [`event_poller`]: reads WorkOS's events where no webhook brings them; [`jobs`]: periodic jobs that one replica runs.
//! - [`single_flight`], `lease`: one operation at a time, in this process and across processes.
//! - [`workos`]: the WorkOS client; [`oidc`]: the clients of Google and Okta.
//! - [`db`]: the connection to SQLite or PostgreSQL. No other module distinguishes them.
//! - [`server`]: builds and runs the application; [`middleware`]: wraps every
//!   request; [`http`]: extractors; [`state`]: builds the services.
//! - [`settings`]: the only reader of the environment; [`checks`]: system checks.
//! - [`clock`], [`keys`], [`sealing`], [`random`]: the clock, the encryption keys, encryption, random
//!   values.
//! - [`links`], [`logging`], [`origin`], [`csp`]: the application's own URLs, the log, which URLs belong to
//!   this site, the Content-Security-Policy.
//! - [`commands`]: one file per management command.

mod account_queue;
pub mod accounts;
pub mod api;
pub mod audit;
pub mod authentication_method;
pub mod checks;
pub mod client_network;
pub mod clock;
pub mod commands;
pub mod csp;
pub mod database_epoch;
pub mod db;
pub mod django_import;
pub mod error;
pub mod error_pages;
pub mod event_poller;
pub mod forward_auth;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hex;
pub mod http;
mod http_client;
pub mod ids;
pub mod jobs;
mod jwks;
pub mod keys;
pub mod known_sessions;
mod lease;
pub mod links;
pub mod logging;
pub mod memberships;
pub mod middleware;
pub mod oidc;
pub mod origin;
pub mod purge;
pub mod random;
pub mod renewal;
pub mod restore;
pub mod sealing;
pub mod server;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod sign_out;
pub mod single_flight;
pub mod state;
pub mod throttle;
pub mod tokens;
pub mod urls;
pub mod web;
pub mod webhooks;
pub mod workos;
pub mod workos_facts;
