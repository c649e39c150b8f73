//! vestibule: the entrance hall of a web application.
//!
//! # Layout
//!
//! A request flows one way: [`urls`] → a view in [`web`] → one or two calls into the domain → a
//! template.
//!
//! - [`urls`]: the route table; [`web`]: the pages; [`error`]: the one error type.
//! - [`sign_in`]: from WorkOS's yes to a session here; [`sign_out`]: its end, and its tokens'.
//! - [`renewal`]: a session follows WorkOS for as long as it lives.
//! - [`accounts`]: user accounts and their passwords; [`django_import`]: moves Django's users here.
//! - [`sessions`]: the browser session, cookie and row.
//! - [`tokens`]: first-party tokens; [`api`]: the JSON routes and their OpenAPI document;
//!   [`throttle`]: how often anyone may ask.
//! - [`memberships`]: which organisations people belong to, remembered for a minute.
//! - [`purge`]: what has expired goes.
//! - [`workos`]: WorkOS's client, wire types and errors; [`oidc`]: Google's and Okta's.
//! - [`db`]: the only place that knows there are two databases.
//! - [`server`]: builds and runs the application; [`middleware`]: what every request passes;
//!   [`state`]: what handlers share.
//! - [`settings`]: the only reader of the environment; [`checks`]: what is wrong with a set-up.
//! - [`clock`], [`keys`], [`sealing`], [`random`]: the clock, the encryption keys, encryption, random
//!   values.
//! - [`links`], [`logging`], [`origin`], [`csp`]: the application's own URLs, the log, which URLs belong to
//!   this site, the Content-Security-Policy.
//! - [`commands`]: one file per management command.

pub mod accounts;
pub mod api;
pub mod checks;
pub mod clock;
pub mod commands;
pub mod csp;
pub mod db;
pub mod django_import;
pub mod error;
pub mod error_pages;
mod hex;
pub mod http;
mod http_client;
pub mod ids;
mod jwks;
pub mod keys;
pub mod lease;
pub mod links;
pub mod logging;
pub mod memberships;
pub mod middleware;
pub mod oidc;
pub mod origin;
pub mod purge;
pub mod random;
pub mod renewal;
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
