//! What the tests stand on: databases of their own, the programs of others that they talk to.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod browser;
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
pub(crate) mod renewal;
pub(crate) mod rows;
pub(crate) mod site;
pub(crate) mod spa;
pub(crate) mod steps;
pub(crate) mod terminal;
pub(crate) mod workos_emulate;
