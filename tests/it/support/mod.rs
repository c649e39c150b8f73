//! The test harness: the app under test, databases, clients, and other projects' programs that the
//! tests talk to.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod blocklist;
pub(crate) mod browser;
mod chromium;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod django;
pub(crate) mod django_server;
pub(crate) mod exchange;
pub(crate) mod forwarder;
mod lines;
pub(crate) mod log;
pub(crate) mod oidc_provider;
pub(crate) mod peer;
pub(crate) mod program;
pub(crate) mod proxied;
pub(crate) mod raw;
pub(crate) mod readings;
pub(crate) mod real_django;
pub(crate) mod renewal;
pub(crate) mod rows;
pub(crate) mod site;
pub(crate) mod steps;
pub(crate) mod terminal;
pub(crate) mod tokens;
pub(crate) mod visitor;
pub(crate) mod workos_emulate;
