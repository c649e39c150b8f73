//! The shared user table: its rows, and who becomes which row at a sign-in.

pub mod provisioning;
mod user;

pub use provisioning::{Profile, ProvisionError, provision};
pub use user::{NewUser, User, email_key, unusable_password};
