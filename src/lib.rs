//! vestibule: the entrance hall of a web application.
//!
//! # Layout
//!
//! A request flows one way: [`urls`] → a view in [`web`] → one or two calls into the domain → a
//! template.
//!
//! - [`urls`]: the route table; [`web`]: the pages; [`error`]: the one error type.
//! - [`sign_in`]: from WorkOS's yes to a session here.
//! - [`accounts`]: the shared user table, who becomes which row, and Django's users moving in.
//! - [`sessions`]: the browser session, cookie and row.
//! - [`tokens`]: the tokens that were given out.
//! - [`workos`]: WorkOS's client, wire types and errors.
//! - [`db`]: the only place that knows there are two databases.
//! - [`server`]: builds and runs the application; [`middleware`]: what every request passes;
//!   [`state`]: what handlers share.
//! - [`settings`]: the only reader of the environment; [`checks`]: what is wrong with a set-up.
//! - [`clock`], [`keys`], [`links`], [`logging`], [`origin`], [`csp`]: one clock, every key,
//!   addresses of ours, the log, what stays on this site, the content security policy.
//! - [`commands`]: one file per management command.
//! - [`emulator`]: the embedded AuthKit, which shares nothing with the rest.

pub mod accounts;
pub mod checks;
pub mod clock;
pub mod commands;
pub mod csp;
pub mod db;
pub mod emulator;
pub mod error;
pub mod keys;
pub mod links;
pub mod logging;
pub mod middleware;
pub mod origin;
pub mod server;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod state;
pub mod tokens;
pub mod urls;
pub mod web;
pub mod workos;
