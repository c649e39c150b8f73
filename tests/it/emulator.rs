//! The embedded AuthKit emulator, over real HTTP.

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
