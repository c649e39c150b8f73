//! Checks of the keys and lifetimes of first-party tokens.

use super::report::{CheckLevel, CheckMessage, sentence};
use crate::settings::TokenSettings;
use crate::tokens::Tokens;

/// Finds keys that cannot be used, and lifetimes that contradict each other.
pub(super) fn issues(settings: &TokenSettings) -> Vec<CheckMessage> {
    let mut issues = Vec::new();
    if let Err(error) = Tokens::new(settings) {
        issues.push(CheckMessage::new(
            "tokens.E001",
            CheckLevel::Error,
            sentence(error),
            "Make a private key with `openssl genpkey -algorithm ED25519` (EdDSA), `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` (ES256) or `openssl genpkey -algorithm RSA` (RS256); `openssl pkey -pubout` writes its public key.",
        ));
    }
    if settings.family_lifetime < settings.refresh_lifetime {
        issues.push(CheckMessage::new(
            "tokens.W001",
            CheckLevel::Warning,
            "REFRESH_FAMILY_LIFETIME is shorter than REFRESH_TOKEN_LIFETIME, so refresh tokens expire earlier than REFRESH_TOKEN_LIFETIME says.",
            "Raise REFRESH_FAMILY_LIFETIME, or lower REFRESH_TOKEN_LIFETIME to it.",
        ));
    }
    issues
}
