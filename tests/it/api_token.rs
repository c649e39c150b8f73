//! `/api/token` and its related routes, which answer exactly as simplejwt does.

mod abandoned;
mod application_claims;
mod at_once;
mod body_types;
mod django;
mod django_settings;
mod django_tokens;
mod families;
mod follows_workos;
mod keys;
mod malformed;
mod obtain;
mod protected;
mod refresh;
mod rotation;
mod sign_in_methods;

/// The body of a 401 for a token.
fn not_valid(detail: &str) -> String {
    format!(r#"{{"detail":"{detail}","code":"token_not_valid"}}"#)
}

const BLACKLISTED: &str = r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#;
/// What `/api/token/verify` says of a blacklisted token.
const BLACKLISTED_FIELD: &str = r#"{"non_field_errors":["Token is blacklisted"]}"#;
const INVALID: &str = r#"{"detail":"Token is invalid","code":"token_not_valid"}"#;
const EXPIRED: &str = r#"{"detail":"Token is expired","code":"token_not_valid"}"#;
const PASSWORD_CHANGED: &str =
    r#"{"detail":"The user's password has been changed.","code":"password_changed"}"#;
const NO_ACCOUNT: &str = r#"{"detail":"No active account found for the given token."}"#;
