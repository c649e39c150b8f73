//! Tests the emulator over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_token_claims;
mod admin_api;
mod authorize;
mod challenges;
mod events;
mod faults;
mod gates;
mod grants;
mod invitations;
mod lifecycle;
mod memberships;
mod sessions;
mod sign_in;
mod steps;
mod test_emulator;
mod tokens;
mod users;
