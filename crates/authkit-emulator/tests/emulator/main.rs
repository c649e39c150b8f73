//! The embedded AuthKit emulator, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authorize;
mod client;
mod faults;
mod grants;
mod lifecycle;
mod sessions;
mod sign_in;
mod steps;
mod tokens;
mod users;
