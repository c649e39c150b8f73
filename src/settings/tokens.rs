//! The settings of first-party tokens.

use chrono::TimeDelta;
use secrecy::SecretString;

use super::application_claim::ApplicationClaim;
use super::reader::Reader;
use super::values::{WANTED_SECRET_KEY, parse_bool, parse_secret_key};

/// A list of Python would become audiences with its brackets and quotes.
const WANTED_AUDIENCES: &str = "strings between commas, without brackets and quotes";
/// simplejwt's `ACCESS_TOKEN_LIFETIME`: five minutes, in seconds.
const ACCESS_TOKEN_LIFETIME: i64 = 300;
/// simplejwt's `REFRESH_TOKEN_LIFETIME`: a day, in seconds.
const REFRESH_TOKEN_LIFETIME: i64 = 86_400;
/// Thirty days, in seconds.
const REFRESH_FAMILY_LIFETIME: i64 = 2_592_000;
/// Ten years, in seconds.
const LONGEST_LIFETIME: i64 = 315_360_000;

/// An hour, in seconds.
const LONGEST_LEEWAY: i64 = 3_600;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, under a secret.
    Hs256,
    /// HMAC with SHA-384, under a secret.
    Hs384,
    /// HMAC with SHA-512, under a secret.
    Hs512,
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "ES256" => Self::Es256,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    /// Whether tokens are signed with a shared secret, and not with a key pair.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
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
    /// The secret of an HMAC, or the text of the PEM file of another algorithm.
    pub signing_key: SecretString,
    /// `SECRET_KEY` and its fallbacks, from which the keys are derived that bind our own claims.
    pub binding_secrets: Vec<SecretString>,
    /// Older secrets that still verify HMACs.
    pub verifying_secrets: Vec<SecretString>,
    /// The texts of the PEM files of older keys, private or public.
    pub verifying_keys: Vec<SecretString>,
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The claim `aud`. A token needs one of these audiences; empty: any or none.
    pub audiences: Vec<String>,
    /// By how much the clocks of the issuers of tokens may differ.
    pub leeway: TimeDelta,
    /// The claims for applications that access tokens have.
    pub application_claims: Vec<ApplicationClaim>,
}

impl TokenSettings {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        secret_key: &SecretString,
        fallbacks: &[SecretString],
        workos_claims: &[String],
    ) -> Self {
        let access_lifetime = access_lifetime(reader);
        let refresh_lifetime = lifetime(reader, "REFRESH_TOKEN_LIFETIME", REFRESH_TOKEN_LIFETIME);
        let family_lifetime = lifetime(reader, "REFRESH_FAMILY_LIFETIME", REFRESH_FAMILY_LIFETIME);
        let algorithm = reader.value(
            "JWT_ALGORITHM",
            "HS256",
            "HS256, HS384, HS512, RS256, RS384, RS512, ES256 or EdDSA",
            JwtAlgorithm::parse,
        );
        let own_key = match algorithm.is_symmetric() {
            true => reader.optional_secret("JWT_SIGNING_KEY", WANTED_SECRET_KEY, parse_secret_key),
            false => reader.required_pem_file(
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
            binding_secrets: std::iter::once(secret_key)
                .chain(fallbacks)
                .cloned()
                .collect(),
            verifying_secrets: fallbacks.to_vec(),
            signing_key: own_key.unwrap_or_else(|| secret_key.clone()),
            verifying_keys: reader
                .pem_files("JWT_VERIFYING_KEYS", "paths of PEM files between commas"),
            issuer: reader.optional("JWT_ISSUER", "a string", |text| Some(text.to_owned())),
            audiences: reader.list("JWT_AUDIENCE", "", WANTED_AUDIENCES, |text| {
                let is_python = text.contains(['[', ']', '(', ')', '{', '}', '"', '\'']);
                (!is_python).then(|| text.to_owned())
            }),
            leeway: leeway(reader),
            application_claims: ApplicationClaim::read_list(reader, workos_claims),
        }
    }
}

pub(super) fn access_lifetime(reader: &mut Reader<'_>) -> TimeDelta {
    lifetime(reader, "ACCESS_TOKEN_LIFETIME", ACCESS_TOKEN_LIFETIME)
}

/// simplejwt's `LEEWAY`.
pub(super) fn leeway(reader: &mut Reader<'_>) -> TimeDelta {
    TimeDelta::seconds(reader.number("LEEWAY", &0, 0..=LONGEST_LEEWAY))
}

fn lifetime(reader: &mut Reader<'_>, name: &'static str, default: i64) -> TimeDelta {
    TimeDelta::seconds(reader.number(name, &default, 1..=LONGEST_LIFETIME))
}
