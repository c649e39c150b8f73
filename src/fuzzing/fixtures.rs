//! Settings, keys and helpers of the fuzz targets.

use std::sync::LazyLock;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use aws_lc_rs::hmac;

use crate::clock::Timestamp;
use crate::keys::Keys;
use crate::settings::{Settings, Source};
use crate::tokens::Tokens;

/// `SECRET_KEY`, and the secret of webhooks.
pub(super) const SECRET: &str = "only-for-fuzzing-0123456789abcdefghijklmnopqrstuvwxyz";

/// Made-up settings with trusted proxies.
pub(super) static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let pairs = [
        ("SECRET_KEY", SECRET),
        ("PUBLIC_URL", "https://app.example.com"),
        ("WORKOS_API_KEY", "sk_fuzzing"),
        ("WORKOS_CLIENT_ID", "client_fuzzing"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"),
    ];
    Settings::read(&Source::from_pairs(pairs)).expect("valid settings")
});
/// The keys that are derived from them.
pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::derive(&SETTINGS));
/// The tokens of these settings.
pub(super) static TOKENS: LazyLock<Tokens> =
    LazyLock::new(|| Tokens::new(&SETTINGS.tokens).expect("valid token settings"));

/// The time of every run.
pub(super) fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a valid time")
}

/// Splits the input at its first NUL byte.
pub(super) fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|byte| *byte == 0);
    at.map_or((data, &[]), |at| (&data[..at], &data[at + 1..]))
}

/// A request with this header; `None` if actix-web refuses such a value before the application sees it.
pub(super) fn request(name: HeaderName, value: &[u8]) -> Option<TestRequest> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(TestRequest::default().append_header((name, value)))
}

/// HMAC-SHA-256.
pub(super) fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, data).as_ref().to_vec()
}
