//! Integration tests: they run the application as its users do. All are in one binary, which links once.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod account_addresses;
mod account_sessions;
mod api_bad_input;
mod api_cookie;
mod api_cors;
mod api_exchange;
mod api_exchange_oidc;
mod api_literals;
mod api_logout;
mod api_organization;
mod api_prefix;
mod api_schema;
mod api_session;
mod api_throttle;
mod api_token;
mod api_typescript;
mod api_workos_token;
mod audit;
mod auth_step;
mod browser;
mod clocks;
mod commands;
mod complaints;
mod database_outage;
mod django_differential;
mod email_keys;
mod event_poller;
mod exchange_budget;
mod forward_auth;
mod guards;
mod health;
mod hosts;
mod import_django;
mod login;
mod middleware;
mod organization;
mod pages;
mod password_change;
mod password_login;
mod postgres;
mod provider_connection;
mod provisioning;
mod purge;
mod query_plans;
mod reauthentication;
mod renewal;
mod restored;
mod second_factor;
mod session;
mod sqlite_file;
mod static_files;
mod support;
mod support_browser;
mod support_database;
mod support_workos_emulate;
mod upgrade;
mod username_login;
mod webhooks;
mod workos_connections;
mod workos_emulate;
mod workos_faults;

// The page in `guards`, and the template that it extends, are written for vestibule's own crate.
use vestibule::{error, http, web};
