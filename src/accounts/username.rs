//! Django's usernames: how they are normalised and validated. They are compared exactly.

use icu_normalizer::ComposingNormalizerBorrowed;

/// The maximum length in characters: that of Django's field.
pub(super) const MAX_USERNAME_LENGTH: usize = 150;

/// The form in which Django stores a username: Unicode's NFKC. Django applies it when an account is created
/// and to the log-in form, and nowhere else.
pub fn normalize_username(text: &str) -> String {
    let normalizer = const { ComposingNormalizerBorrowed::new_nfkc() };
    normalizer.normalize(text).into_owned()
}

/// Django's error message for an invalid username; `None` if it is valid.
pub fn validate_username(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || "_@.+-".contains(c);
    let length = text.chars().count();
    if text.is_empty() {
        Some("This field cannot be blank.".to_owned())
    } else if !text.chars().all(allowed) {
        Some("Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.".to_owned())
    } else if length > MAX_USERNAME_LENGTH {
        Some(format!(
            "Ensure this value has at most {MAX_USERNAME_LENGTH} characters (it has {length})."
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_normalised_as_django_does() {
        for (text, normalised) in [
            ("Ada", "Ada"),
            ("\u{ff21}da", "Ada"),
            ("u\u{308}ber", "\u{fc}ber"),
            ("\u{212a}elvin", "Kelvin"),
            ("\u{fb01}n", "fin"),
        ] {
            assert_eq!(normalize_username(text), normalised);
        }
    }

    #[test]
    fn usernames_are_validated_as_django_does() {
        for good in ["ada", "Ada.Q+1@example.com", "Zoë_9", &"a".repeat(150)] {
            assert_eq!(validate_username(good), None, "{good}");
        }
        for bad in ["a b", "a/b", "a\n", "a\0", "a,b"] {
            let problem = validate_username(bad).unwrap();
            assert!(problem.starts_with("Enter a valid username."), "{bad:?}");
        }
        let blank = validate_username("").unwrap();
        assert_eq!(blank, "This field cannot be blank.");
        let long = validate_username(&"a".repeat(151)).unwrap();
        assert!(long.ends_with("(it has 151)."), "{long}");
    }
}
