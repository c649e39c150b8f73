//! Identifiers in WorkOS's format (`user_01…`), and random secrets.

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The alphabet of a ULID. A WorkOS id is a prefix and a ULID.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new random id: `prefix_01` and 24 random characters.
pub(crate) fn random_id(prefix: &str) -> String {
    format!("{prefix}_01{}", crockford(&random_bytes::<15>()))
}

/// An id that is greater than every id with an earlier `time` (milliseconds since the epoch), or with
/// the same time and a smaller `number`.
pub(crate) fn ordered_id(prefix: &str, time: i64, number: u64) -> String {
    let mut bytes = random_bytes::<15>();
    bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
    bytes[6..11].copy_from_slice(&number.to_be_bytes()[3..]);
    format!("{prefix}_01{}", crockford(&bytes))
}

/// An id derived from `name`, so that it is the same in every run: the application's database
/// outlives the emulator, and must find the same users again.
pub(crate) fn derived_id(prefix: &str, name: &str) -> String {
    let text = format!("{prefix}:{}", name.trim().to_lowercase());
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut head = [0; 15];
    head.copy_from_slice(&digest.as_ref()[..15]);
    format!("{prefix}_01{}", crockford(&head))
}

/// A random secret: an authorization code, a refresh token, a cookie.
pub(crate) fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

#[expect(
    clippy::expect_used,
    reason = "AWS-LC ends the process itself when the system has no randomness"
)]
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's randomness");
    bytes
}

/// Encodes 120 bits as 24 characters of five bits.
fn crockford(bytes: &[u8; 15]) -> String {
    let mut text = String::with_capacity(24);
    for group in bytes.chunks(5) {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for shift in (0..8).rev() {
            let index = (bits >> (shift * 5)) & 31;
            text.push(char::from(CROCKFORD[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_depends_only_on_prefix_and_name() {
        let id = derived_id("user", "Ada@Example.com");
        assert_eq!(id, derived_id("user", "ada@example.com "));
        assert_ne!(id, derived_id("user", "alan@example.com"));
        assert_ne!(id[5..], derived_id("org", "ada@example.com")[4..]);
        assert!(
            id.starts_with("user_01") && id.len() == "user_".len() + 26,
            "{id}"
        );
    }

    #[test]
    fn ordered_ids_are_in_the_order_of_time_and_number() {
        let ids = [(1, 9), (2, 1), (2, 2), (300, 0), (1_768_478_400_000, 5)]
            .map(|(time, number)| ordered_id("event", time, number));
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(ids[0].len(), "event_".len() + 26);
    }

    #[test]
    fn random_ids_and_secrets_do_not_repeat() {
        assert_ne!(random_id("session"), random_id("session"));
        assert_ne!(random_secret(), random_secret());
    }

    #[test]
    fn crockford_encodes_the_smallest_and_the_largest_value() {
        assert_eq!(crockford(&[255; 15]), "Z".repeat(24));
        assert_eq!(crockford(&[0; 15]), "0".repeat(24));
    }
}
