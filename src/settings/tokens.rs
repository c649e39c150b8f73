//! The settings of first-party tokens.

use chrono::TimeDelta;
use secrecy::SecretString;

use super::reader::Reader;
use super::values::{WANTED_SECRET_KEY, parse_bool, parse_secret_key};

/// simplejwt's `ACCESS_TOKEN_LIFETIME`: five minutes, in seconds.
const ACCESS_TOKEN_LIFETIME: i64 = 300;
/// simplejwt's `REFRESH_TOKEN_LIFETIME`: a day, in seconds.
const REFRESH_TOKEN_LIFETIME: i64 = 86_400;
/// Thirty days, in seconds.
const REFRESH_FAMILY_LIFETIME: i64 = 2_592_000;
/// Ten years, in seconds.
const LONGEST_LIFETIME: i64 = 315_360_000;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, under a secret.
    Hs256,
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "HS256" => Self::Hs256,
            "RS256" => Self::Rs256,
            "ES256" => Self::Es256,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// First-party tokens: their lifetimes, and the keys that sign and verify them.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The lifetime of an access token.
    pub access_lifetime: TimeDelta,
    /// The lifetime of a refresh token.
    pub refresh_lifetime: TimeDelta,
    /// The lifetime of one sign-in, however often its refresh token is rotated.
    pub family_lifetime: TimeDelta,
    /// Whether every refresh returns a new refresh token.
    pub rotate: bool,
    /// How tokens are signed.
    pub algorithm: JwtAlgorithm,
    /// The secret of HS256, or the text of the PEM file of another algorithm.
    pub signing_key: SecretString,
    /// Older secrets that still verify HS256.
    pub verifying_secrets: Vec<SecretString>,
    /// The texts of the PEM files of older keys, private or public.
    pub verifying_keys: Vec<SecretString>,
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The claim `aud`.
    pub audience: Option<String>,
}

impl TokenSettings {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        secret_key: &SecretString,
        fallbacks: &[SecretString],
    ) -> Self {
        let access_lifetime = access_lifetime(reader);
        let refresh_lifetime = lifetime(reader, "REFRESH_TOKEN_LIFETIME", REFRESH_TOKEN_LIFETIME);
        let family_lifetime = lifetime(reader, "REFRESH_FAMILY_LIFETIME", REFRESH_FAMILY_LIFETIME);
        let algorithm = reader.value(
            "JWT_ALGORITHM",
            "HS256",
            "HS256, RS256, ES256 or EdDSA",
            JwtAlgorithm::parse,
        );
        let own_key = match algorithm {
            JwtAlgorithm::Hs256 => {
                reader.optional_secret("JWT_SIGNING_KEY", WANTED_SECRET_KEY, parse_secret_key)
            }
            _ => reader.required_pem_file(
                "JWT_SIGNING_KEY",
                "the path of a PEM file with the private key",
            ),
        };
        Self {
            access_lifetime,
            refresh_lifetime,
            family_lifetime,
            rotate: reader.value(
                "ROTATE_REFRESH_TOKENS",
                "false",
                "true or false",
                parse_bool,
            ),
            algorithm,
            verifying_secrets: fallbacks.to_vec(),
            signing_key: own_key.unwrap_or_else(|| secret_key.clone()),
            verifying_keys: reader
                .pem_files("JWT_VERIFYING_KEYS", "paths of PEM files between commas"),
            issuer: reader.optional("JWT_ISSUER", "a string", |text| Some(text.to_owned())),
            audience: reader.optional("JWT_AUDIENCE", "a string", |text| Some(text.to_owned())),
        }
    }
}

pub(super) fn access_lifetime(reader: &mut Reader<'_>) -> TimeDelta {
    lifetime(reader, "ACCESS_TOKEN_LIFETIME", ACCESS_TOKEN_LIFETIME)
}

fn lifetime(reader: &mut Reader<'_>, name: &'static str, default: i64) -> TimeDelta {
    TimeDelta::seconds(reader.number(name, &default, 1..=LONGEST_LIFETIME))
}
