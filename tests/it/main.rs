//! The tests that run the app as its users meet it, in one binary.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod database_outage;
mod emulator;
mod login;
mod provisioning;
mod session;
mod support;
mod support_browser;
mod support_database;
mod support_workos_emulate;
mod workos_faults;
