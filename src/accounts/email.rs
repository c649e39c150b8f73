//! Email addresses: which ones an account can have.

use super::email_key::{MAX_EMAIL_LENGTH, folds_cleanly};
use crate::ids::UserId;

/// The `email_key` of an account without an address. It contains upper-case letters, so it is the
/// [`email_key`](super::email_key()) of no text.
pub fn key_without_email(id: UserId) -> String {
    format!("NONE:{id}")
}

/// The reason why an account cannot have this email; `None` if it can.
pub fn email_problem(email: &str) -> Option<&'static str> {
    if email.is_empty() {
        Some("no email")
    } else if !email.contains('@') {
        Some("email without @")
    } else if email.chars().count() > MAX_EMAIL_LENGTH {
        Some("email of more than 254 characters")
    } else if email.contains(|c: char| c.is_control() || c.is_whitespace()) {
        Some("email with spaces or control characters")
    } else if !folds_cleanly(email) {
        Some("email with a letter that lower case or normalisation turns into another")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_emails_are_refused_with_a_reason() {
        let longest = format!("{}@example.com", "a".repeat(242));
        for good in ["a@b", "Zoë@Example.com", "straße@example.com", &longest] {
            assert_eq!(email_problem(good), None, "{good}");
        }
        let too_long = format!("a{longest}");
        for (bad, part) in [
            ("", "no email"),
            ("example.com", "without @"),
            (&too_long, "254"),
            ("a b@example.com", "spaces"),
            ("a\u{0}@example.com", "control"),
            ("\u{212A}@example.com", "lower case"),
        ] {
            assert!(
                email_problem(bad).is_some_and(|problem| problem.contains(part)),
                "{bad:?}"
            );
        }
    }
}
