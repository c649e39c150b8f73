//! The form in which emails are compared.

/// The form in which emails are compared: lower case by Unicode's rules, which SQLite's own
/// `lower` lacks.
pub fn email_key(email: &str) -> String {
    email.to_lowercase()
}

/// Whether lower-casing the email changes nothing but its case. It would turn U+212A KELVIN SIGN
/// into `k`, so that another person's mailbox would match an account.
pub(super) fn folds_cleanly(email: &str) -> bool {
    email.to_lowercase().to_uppercase() == email.to_uppercase()
}
