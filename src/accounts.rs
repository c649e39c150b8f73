//! User accounts: the rows of the user table, their passwords, and how a sign-in finds or creates one.

mod credentials;
mod email;
pub mod email_address;
pub mod identities;
pub(crate) mod import_ledger;
mod lifecycle;
pub mod passwords;
pub mod provisioning;
mod user;

pub use credentials::{
    Authenticated, CredentialError, PasswordChange, authenticate, change_password, has_password,
    may_use_password,
};
pub use email::{email_key, email_problem};
pub use identities::{Identity, LinkError, find_or_link};
pub use lifecycle::{REMEMBERED_FOR, close, close_deleted, end_all, open, set_password};
pub use passwords::unusable_password;
pub use provisioning::{Profile, ProvisionError, keep_up, provision};
pub use user::{NewUser, User};
