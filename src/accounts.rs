//! The shared user table: its rows, who becomes which row at a sign-in, and Django's users moving in.

pub mod django_import;
mod email;
pub mod provisioning;
mod user;

pub use email::{email_key, email_problem};
pub use provisioning::{Profile, ProvisionError, provision};
pub use user::{NewUser, User, unusable_password};
