//! Keys and lifetimes of first-party tokens.

use super::{Issue, Level};
use crate::settings::TokenSettings;
use crate::tokens::Tokens;

/// Keys that cannot be used, lifetimes that contradict each other.
pub(super) fn issues(settings: &TokenSettings) -> Vec<Issue> {
    let mut issues = Vec::new();
    if let Err(error) = Tokens::new(settings) {
        issues.push(Issue::new(
            "tokens.E001",
            Level::Error,
            format!("{error}."),
            "Name PEM files of PKCS #8 or SPKI, as `openssl genpkey` and `openssl pkey -pubout` write them; for ES256 `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes a key.",
        ));
    }
    if settings.family_lifetime < settings.refresh_lifetime {
        issues.push(Issue::new(
            "tokens.W001",
            Level::Warning,
            "REFRESH_FAMILY_LIFETIME is shorter than REFRESH_TOKEN_LIFETIME, so no refresh token lives as long as it says.",
            "Raise REFRESH_FAMILY_LIFETIME, or lower REFRESH_TOKEN_LIFETIME to it.",
        ));
    }
    issues
}
