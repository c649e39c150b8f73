//! Tests the emulator over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin_api;
mod authorize;
mod faults;
mod gates;
mod grants;
mod invitations;
mod lifecycle;
mod sessions;
mod sign_in;
mod steps;
mod test_emulator;
mod tokens;
mod users;
