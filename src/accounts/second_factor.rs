//! The second factor of local passwords: an authenticator app, and recovery codes for when it is lost.
//!
//! - `row`: the row of a factor in use, whose secret has been confirmed by a code;
//! - `totp`: the secret and its codes; `recovery_codes`: the codes that replace them once;
//! - `changes`: setting up and removing; `check`: whether a code is right;
//! - `reseal`: encrypts the secrets with a new `SECRET_KEY`.
//!
//! Every function that writes is to be called in a transaction that has locked the account's row with
//! [`lock_account`], so that requests about one account follow each other.

mod changes;
mod check;
mod groups;
mod recovery_codes;
mod reseal;
mod row;
mod totp;

pub use changes::{
    SecondFactorError, add_totp, import_totp, lock_account, remove_second_factor,
    replace_recovery_codes,
};
pub use check::{CodeRejection, check_code};
pub use recovery_codes::RecoveryCodes;
pub use reseal::reseal_secrets;
pub use row::{SecondFactor, has_second_factor, totp_secret};
pub use totp::{TotpSecret, TotpSecretError};
