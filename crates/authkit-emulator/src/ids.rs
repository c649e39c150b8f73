//! Identifiers in WorkOS's form (`user_01…`), and the secrets that the emulator hands out.

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The alphabet of a ULID, which is what follows the prefix in a WorkOS id.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A fresh id: `prefix_01` and 24 random characters.
pub(crate) fn fresh(prefix: &str) -> String {
    format!("{prefix}_01{}", crockford(&random::<15>()))
}

/// The id that `name` always has, because the application's database outlives the emulator.
pub(crate) fn derived(prefix: &str, name: &str) -> String {
    let text = format!("{prefix}:{}", name.trim().to_lowercase());
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut head = [0; 15];
    head.copy_from_slice(&digest.as_ref()[..15]);
    format!("{prefix}_01{}", crockford(&head))
}

/// An unguessable value: a code, a refresh token, a cookie.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<24>())
}

#[expect(
    clippy::expect_used,
    reason = "AWS-LC ends the process itself where the system has no randomness to give"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's randomness");
    bytes
}

/// 120 bits as 24 characters of five bits.
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
    fn a_derived_id_is_the_same_in_every_run() {
        let id = derived("user", "Ada@Example.com");
        assert_eq!(id, derived("user", "ada@example.com "));
        assert_ne!(id, derived("user", "alan@example.com"));
        assert_ne!(id[5..], derived("org", "ada@example.com")[4..]);
        assert!(
            id.starts_with("user_01") && id.len() == "user_".len() + 26,
            "{id}"
        );
    }

    #[test]
    fn fresh_ids_and_secrets_do_not_repeat() {
        assert_ne!(fresh("session"), fresh("session"));
        assert_ne!(secret(), secret());
        assert_eq!(crockford(&[255; 15]), "Z".repeat(24));
        assert_eq!(crockford(&[0; 15]), "0".repeat(24));
    }
}
