//! WorkOS: its client, its wire types and its errors. Knows nothing of requests or cookies of ours.

mod access_token;
mod authorize;
mod client;
mod error;
mod step;
pub mod webhook;
mod wire;

pub use authorize::{AuthorizeRequest, Pkce};
pub use client::{Client, Device, Organizations, StepAnswer};
pub use error::WorkosError;
pub use step::{Elsewhere, NextStep, Organization, Pending, Question, Why};
pub use wire::{Authentication, Impersonator, User};
