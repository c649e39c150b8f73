//! Email addresses: which ones an account can have, and how they are compared.

/// The maximum length in characters: that of Django's `EmailField` and of SMTP (RFC 5321).
pub(super) const MAX_EMAIL_LENGTH: usize = 254;

/// The form in which emails are compared: lower case by Unicode's rules, which SQLite's own
/// `lower` lacks.
pub fn email_key(email: &str) -> String {
    email.to_lowercase()
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
        Some("email with a letter that lower case turns into another")
    } else {
        None
    }
}

/// Whether lower-casing the email changes nothing but its case. It would turn U+212A KELVIN SIGN
/// into `k`, so that another person's mailbox would match an account.
pub(super) fn folds_cleanly(email: &str) -> bool {
    email.to_lowercase().to_uppercase() == email.to_uppercase()
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
