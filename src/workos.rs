//! The client of WorkOS: requests, response types, errors and webhooks. It does not depend on this
//! server's requests or cookies.

mod access_token;
mod authorize;
mod client;
mod error;
mod next_step;
pub mod webhook;
mod wire;

pub use authorize::{AuthorizeRequest, Pkce};
pub use client::{
    ClientDevice, EventPage, EventStart, OrganizationList, RefreshTokenState, RenewalAdmission,
    RenewalPermit, StepAnswer, WorkosClient,
};
pub use error::WorkosError;
pub use next_step::{
    HostedStep, HostedStepReason, NextStep, Organization, PendingAuthentication, StepQuestion,
};
pub use wire::{Authentication, WorkosImpersonator, WorkosUser};
