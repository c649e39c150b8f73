//! User accounts: the rows of the user table, their passwords, and how a sign-in finds or creates
//! one.

pub(crate) mod account_addresses;
mod credentials;
mod deleted_workos_users;
mod email;
pub mod email_address;
mod email_key;
mod email_ownership;
pub(crate) mod groups;
pub mod identity_linking;
pub(crate) mod import_ledger;
mod lifecycle;
mod login_name;
mod password_costs;
pub mod passwords;
pub mod provisioning;
mod rewrite_email_keys;
pub mod second_factor;
mod sign_in_method;
mod user;
mod user_key;
mod username;

pub use credentials::{
    CheckedCredentials, CredentialError, PasswordChange, authenticate, change_password,
    has_password, has_sign_in_method, labels_without_sign_in_method, may_use_password,
};
pub use deleted_workos_users::{
    DELETED_USER_RETENTION, delete_old_workos_deletions, record_deleted_workos_user,
};
pub use email::{email_problem, key_without_email};
pub use email_key::email_key;
pub use groups::group_names;
pub use identity_linking::{
    ExternalIdentity, LinkError, connect_identity, connected_issuers, disconnect_identity,
    find_or_link,
};
pub(crate) use lifecycle::sessions_ended;
pub use lifecycle::{
    RevokedSessions, activate, deactivate, deactivate_deleted_user, end_everything_of,
    revoke_all_sessions, sessions_ended_since, sessions_of_workos_user_ended_since, set_password,
};
pub use login_name::{LoginName, RememberedAccount, name_keys};
pub use password_costs::{
    dearest_hashes, measure_password_costs, measure_password_costs_periodically,
};
pub use passwords::unusable_password;
pub use provisioning::{ProvisionError, WorkosProfile, provision, update_from_workos};
pub use rewrite_email_keys::{RewrittenEmailKeys, has_earlier_key, rewrite_email_keys};
pub use sign_in_method::{AllowedSignInMethods, SignInMethod};
pub(crate) use user::random_version_step;
pub use user::{NewUser, User};
pub use user_key::UserKey;
pub use username::{normalize_username, validate_username};
