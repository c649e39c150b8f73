//! The form in which emails are compared.
//!
//! Two addresses with one key are one account's, so an address must never get the key of another person's
//! mailbox. The key therefore joins only what every mail system takes for the same address: upper and lower
//! case, the composed and the decomposed form of a letter (Unicode's NFC), and a domain in Unicode or in
//! IDNA's ASCII form. Full case folding would also join `ß` and `ss`, and NFKC would join a letter with its
//! full-width form: those are different mailboxes.

use icu_normalizer::ComposingNormalizerBorrowed;

/// The maximum length of an account's email in characters: that of Django's `EmailField` and of SMTP (RFC 5321).
pub(super) const MAX_EMAIL_LENGTH: usize = 254;
/// The maximum length of a domain's label (RFC 1034, 3.1), in characters.
pub(super) const MAX_LABEL_LENGTH: usize = 63;

/// The form in which emails are compared. An address that [does not fold cleanly](folds_cleanly), or is longer than
/// an account's, is its own key, which no other address has: to fold a long text takes seconds.
pub fn email_key(email: &str) -> String {
    if email.is_ascii() {
        return email.to_ascii_lowercase();
    }
    if is_longer(email, MAX_EMAIL_LENGTH) || !folds_cleanly(email) {
        return email.to_owned();
    }
    let lower = nfc(&nfc(email).to_lowercase());
    match lower.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain_key(domain)),
        None => lower,
    }
}

/// The key that earlier versions computed, if it is another one. Some rows still have it: see
/// [`rewrite_email_keys`](super::rewrite_email_keys()).
pub(super) fn earlier_email_key(email: &str) -> Option<String> {
    if is_longer(email, MAX_EMAIL_LENGTH) {
        return None;
    }
    let earlier = email.to_lowercase();
    (folds_cleanly(email) && earlier != email_key(email)).then_some(earlier)
}

/// Whether folding changes nothing but the case and the composition of letters. Lower case would turn U+212A
/// KELVIN SIGN into `k`, and so would NFC, so that another person's mailbox would match an account.
pub(super) fn folds_cleanly(email: &str) -> bool {
    let keeps_letters = |text: &str| text.to_lowercase().to_uppercase() == text.to_uppercase();
    let becomes_ascii = |c: char| !c.is_ascii() && nfc(c.encode_utf8(&mut [0; 4])).is_ascii();
    keeps_letters(email) && keeps_letters(&nfc(email)) && !email.chars().any(becomes_ascii)
}

/// A domain in lower case and NFC, with each label in IDNA's ASCII form. A label that IDNA refuses, or would
/// turn into another one, stays as it is; so does a label that is too long for DNS.
fn domain_key(domain: &str) -> String {
    let labels: Vec<String> = domain.split('.').map(label_key).collect();
    labels.join(".")
}

fn label_key(label: &str) -> String {
    if label.is_ascii() || is_longer(label, MAX_LABEL_LENGTH) {
        return label.to_owned();
    }
    let ascii = idna::domain_to_ascii(label).ok();
    let same = ascii.filter(|ascii| idna::domain_to_unicode(ascii).0 == label);
    same.unwrap_or_else(|| label.to_owned())
}

/// Whether the text has more characters than this. Reads no more of it.
pub(super) fn is_longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

fn nfc(text: &str) -> String {
    let normalizer = const { ComposingNormalizerBorrowed::new_nfc() };
    normalizer.normalize(text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_address_have_one_key() {
        for (left, right) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("zoe\u{308}@example.com", "zo\u{eb}@example.com"),
            ("ZOE\u{308}@example.com", "zo\u{eb}@example.com"),
            ("ada@M\u{dc}NCHEN.de", "ada@xn--mnchen-3ya.de"),
            ("ada@mu\u{308}nchen.de", "ada@XN--MNCHEN-3YA.de"),
            ("ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"),
            ("ДМИТРИЙ@example.com", "дмитрий@example.com"),
            ("ada@stra\u{df}e.de", "ada@xn--strae-oqa.de"),
        ] {
            assert_eq!(email_key(left), email_key(right), "{left} {right}");
        }
        assert_eq!(email_key("ada@münchen.de"), "ada@xn--mnchen-3ya.de");
    }

    /// Whoever owns one of the addresses must not get into the account of the other.
    #[test]
    fn similar_addresses_of_different_mailboxes_have_different_keys() {
        for (left, right) in [
            // Full case folding would join these.
            ("stra\u{df}e@example.com", "strasse@example.com"),
            ("STRA\u{1e9e}E@example.com", "strasse@example.com"),
            ("STRA\u{1e9e}E@example.com", "stra\u{df}e@example.com"),
            ("mi\u{17f}t@example.com", "mist@example.com"),
            ("οδος@example.com", "οδοσ@example.com"),
            ("ada@stra\u{df}e.de", "ada@strasse.de"),
            // Turkish letters.
            ("\u{130}da@example.com", "ida@example.com"),
            ("\u{131}da@example.com", "ida@example.com"),
            ("ada@\u{130}da.com", "ada@ida.com"),
            ("ada@\u{131}da.com", "ada@ida.com"),
            // Letters that NFC, lower case or NFKC turn into ASCII.
            ("\u{212a}elvin@example.com", "kelvin@example.com"),
            ("ada@\u{212a}elvin.com", "ada@kelvin.com"),
            ("a\u{37e}b@example.com", "a;b@example.com"),
            ("\u{ff41}da@example.com", "ada@example.com"),
            ("\u{212b}sa@example.com", "\u{e5}sa@example.com"),
            ("\u{fb01}n@example.com", "fin@example.com"),
            ("ada@\u{ff45}xample.com", "ada@example.com"),
            ("ada@ex\u{ad}ample.com", "ada@example.com"),
            ("ada@e\u{200d}xample.com", "ada@example.com"),
            ("ada@example\u{3002}com", "ada@example.com"),
            ("ada\u{ff20}example.com", "ada@example.com"),
            ("ada@example.\u{2102}om", "ada@example.com"),
            ("ada@example.com.", "ada@example.com"),
            // Letters that only look alike.
            ("\u{430}da@example.com", "ada@example.com"),
        ] {
            assert_ne!(email_key(left), email_key(right), "{left} {right}");
        }
    }

    /// The punycode of a long label takes seconds.
    #[test]
    fn a_text_that_is_too_long_is_not_folded() {
        let label = |length: usize| "\u{fc}".repeat(length);
        let folded = |email: &str| email_key(email).is_ascii();
        assert!(folded(&format!("ada@{}.example", label(50))));
        assert!(folded(&format!("ada@{}.example", label(63))));
        assert!(!folded(&format!("ada@{}.example", label(64))));
        let domain = |labels: usize| vec![label(24); labels].join(".");
        assert!(folded(&format!("ADA@{}", domain(10))));
        for long in [
            format!("ADA@{}", domain(11)),
            format!("ADA@{}", label(60_000)),
            format!("ADA@{}", domain(2_000)),
            format!("{}@example.com", "\u{c4}".repeat(30_000)),
            "\u{c4}".repeat(255),
        ] {
            assert_eq!(email_key(&long), long);
            assert_eq!(earlier_email_key(&long), None);
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_the_key(email in "\\PC{0,20}@?\\PC{0,20}") {
            let key = email_key(&email);
            prop_assert_eq!(email_key(&key), key);
        }

        /// A text whose key contains only ASCII letters must have been ASCII before its `@`.
        #[test]
        fn no_other_letter_becomes_ascii(local in "\\PC{1,20}") {
            let key = email_key(&format!("{local}@example.com"));
            prop_assert_eq!(key.is_ascii(), local.is_ascii());
        }

        #[test]
        fn case_and_composition_do_not_matter(local in "[a-zäöüéñàëж]{1,20}") {
            let email = format!("{local}@example.com");
            let decomposed = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
            let decomposed = decomposed.normalize(&email);
            prop_assert_eq!(email_key(&email.to_uppercase()), email_key(&email));
            prop_assert_eq!(email_key(&decomposed), email_key(&email));
        }
    }
}
