//! WorkOS: its client, its wire types and its errors. Knows nothing of requests or cookies of ours.

mod access_token;
mod authorize;
mod client;
mod error;
pub mod webhook;
mod wire;

pub use authorize::{AuthorizeRequest, Pkce};
pub use client::{Client, Device};
pub use error::WorkosError;
pub use wire::{Authentication, Impersonator, User};
