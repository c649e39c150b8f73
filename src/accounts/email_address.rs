//! Validates email addresses as Django's `EmailField` does.

use std::net::IpAddr;

use super::email_key::{MAX_EMAIL_LENGTH, MAX_LABEL_LENGTH, folds_cleanly};

/// Django's error message for an invalid email address; `None` if it is valid.
pub fn validate_email_address(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("This field cannot be blank.".to_owned());
    }
    let length = text.chars().count();
    if !is_email_address(text) || !folds_cleanly(text) {
        Some("Enter a valid email address.".to_owned())
    } else if length > MAX_EMAIL_LENGTH {
        Some(format!(
            "Ensure this value has at most {MAX_EMAIL_LENGTH} characters (it has {length})."
        ))
    } else {
        None
    }
}

fn is_email_address(text: &str) -> bool {
    text.rsplit_once('@')
        .is_some_and(|(user, domain)| is_local_part(user) && is_domain(domain))
}

/// Words separated by dots, or a quoted string.
fn is_local_part(user: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "-!#$%&'*+/=?^_`{}|~".contains(c);
    let is_word = |word: &str| !word.is_empty() && word.chars().all(in_word);
    user.split('.').all(is_word) || is_quoted(user)
}

fn is_quoted(user: &str) -> bool {
    let inside = user
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside.filter(|inside| inside.is_ascii()) else {
        return false;
    };
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'\\' => !matches!(bytes.next(), None | Some(0 | b'\n' | b'\r')),
            0 | b'\t' | b'\n' | b'\r' | b' ' | b'"' => false,
            _ => true,
        };
        if !allowed {
            return false;
        }
    }
    true
}

fn is_domain(domain: &str) -> bool {
    if domain == "localhost" {
        return true;
    }
    let literal = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = literal {
        return address.parse::<IpAddr>().is_ok();
    }
    match domain.rsplit_once('.') {
        Some((above, top)) => above.split('.').all(is_label) && is_top_level(top),
        None => false,
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |c: char| c == '-' || c.is_ascii_digit() || is_letter(c);
    (1..=MAX_LABEL_LENGTH).contains(&label.chars().count())
        && label.chars().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A top-level domain has no digits, so that an IP address is not a domain. IDNA's ASCII form
/// (`xn--…`) is the exception.
fn is_top_level(label: &str) -> bool {
    let punycode = label
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    let has_digit = label.contains(|c: char| c.is_ascii_digit());
    is_label(label) && label.chars().count() > 1 && (punycode || !has_digit)
}

/// Django's range of letters beyond ASCII.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || ('\u{a1}'..='\u{ffff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::validate_email_address;

    /// Addresses that Django 5.2.19's `EmailField.clean` accepts.
    const VALID: [&str; 18] = [
        "ada@example.com",
        "Ada@Example.COM",
        "ada@localhost",
        "a.b+c@example.co.uk",
        r#""a\"b"@example.com"#,
        r#"""@example.com"#,
        "ada@[127.0.0.1]",
        "ada@[::1]",
        "ada@[::ffff:127.0.0.1]",
        "ada@example.xn--p1ai",
        "ada@пример.рф",
        "ada@münchen.de",
        "ada@1.com",
        "!#$%&'*+/=?^_`{}|~-@example.com",
        "ada@sub.example-site.org",
        "ada@a.bc",
        "ada@x.a-b",
        "ada@x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    /// Addresses that it refuses.
    const INVALID: [&str; 38] = [
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@LOCALHOST",
        "ada@example..com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "ada quillane@example.com",
        " ada@example.com",
        "ada@example.com ",
        "ada@example.com\n",
        r#""ada quillane"@example.com"#,
        r#""ada"quillane"@example.com"#,
        "ada@[127.0.0.256]",
        "ada@[]",
        "ada@127.0.0.1",
        "ada@-example.com",
        "ada@example-.com",
        "ada@sub.-example.com",
        "ada@example.c",
        "ada@example.com.",
        "ada@exa_mple.com",
        "ada@example.xn--",
        "дмитрий@example.com",
        "a@b@example.com",
        "ada@example.c0m",
        "ada@x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ada@😀.com",
        "ada(comment)@example.com",
        "ada@a.b",
        "ada\0@example.com",
        "ada@x.-a",
        "ada@x.a-",
        "ada@.com",
        "<ada@example.com>",
        "ada,bob@example.com",
    ];

    #[test]
    fn addresses_are_validated_as_django_does() {
        for text in VALID {
            assert_eq!(validate_email_address(text), None, "{text}");
        }
        for text in INVALID {
            let problem = validate_email_address(text);
            assert_eq!(
                problem.as_deref(),
                Some("Enter a valid email address."),
                "{text}"
            );
        }
    }

    /// Unlike Django, whose look-ups distinguish the two letters.
    #[test]
    fn a_letter_whose_lower_case_is_another_letter_is_refused() {
        let kelvin = validate_email_address("ada@\u{212A}elvin.org");
        assert_eq!(kelvin.as_deref(), Some("Enter a valid email address."));
    }

    #[test]
    fn empty_and_overlong_addresses_have_messages_of_their_own() {
        let blank = validate_email_address("");
        assert_eq!(blank.as_deref(), Some("This field cannot be blank."));
        let of_length = |length: usize| format!("{}@example.com", "a".repeat(length - 12));
        assert_eq!(validate_email_address(&of_length(254)), None);
        let long = validate_email_address(&of_length(255)).unwrap();
        assert_eq!(
            long,
            "Ensure this value has at most 254 characters (it has 255)."
        );
    }
}
