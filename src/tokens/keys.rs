//! The keys that sign and verify tokens. One key signs. Several may verify, each only with its own
//! algorithm and `kid`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use super::claims::TokenError;
use crate::settings::{JwtAlgorithm, TokenSettings};

/// The length of the smallest modulus for RSA, 2,048 bits (RFC 7518, section 3.3), in base64.
const MIN_MODULUS_LEN: usize = 342;
const KEY_REQUIREMENTS: &str = "not a private key for JWT_ALGORITHM: a PEM file as `openssl genpkey` writes it, for RS256, RS384 and RS512 of 2,048 bits or more, for ES256 on P-256, for EdDSA an Ed25519 key";

/// A setting with an unusable key.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct TokenKeyError {
    /// The name of the setting.
    pub setting: &'static str,
    /// What is wrong with the key.
    pub problem: String,
}

/// The keys in use.
pub struct TokenKeys {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<VerificationKey>,
    /// The public keys of `/.well-known/jwks.json`; empty with a shared secret.
    public: JwkSet,
}

struct VerificationKey {
    algorithm: Algorithm,
    /// `None` for a shared secret.
    kid: Option<String>,
    key: DecodingKey,
}

impl TokenKeys {
    /// Reads the keys that the settings name.
    pub fn new(settings: &TokenSettings) -> Result<Self, TokenKeyError> {
        match settings.algorithm.is_symmetric() {
            true => Self::shared(settings),
            false => Self::asymmetric(settings),
        }
    }

    fn shared(settings: &TokenSettings) -> Result<Self, TokenKeyError> {
        let algorithm = jws_algorithm(settings.algorithm);
        let mut keys = Self {
            header: Header::new(algorithm),
            signing: EncodingKey::from_secret(settings.signing_key.expose_secret().as_bytes()),
            verifying: vec![shared_secret(&settings.signing_key, algorithm)],
            public: JwkSet { keys: Vec::new() },
        };
        keys.add_older(settings)?;
        Ok(keys)
    }

    fn asymmetric(settings: &TokenSettings) -> Result<Self, TokenKeyError> {
        let wrong = |problem: &str| TokenKeyError {
            setting: "JWT_SIGNING_KEY",
            problem: problem.to_owned(),
        };
        let pem = settings.signing_key.expose_secret().as_bytes();
        let algorithm = jws_algorithm(settings.algorithm);
        let key = match settings.algorithm {
            JwtAlgorithm::Rs256 | JwtAlgorithm::Rs384 | JwtAlgorithm::Rs512 => {
                EncodingKey::from_rsa_pem(pem)
            }
            JwtAlgorithm::Es256 => EncodingKey::from_ec_pem(pem),
            JwtAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem),
            JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => {
                return Err(wrong("a shared secret has no PEM file"));
            }
        };
        let signing = key.map_err(|_| wrong(KEY_REQUIREMENTS))?;
        let jwk =
            Jwk::from_encoding_key(&signing, algorithm).map_err(|_| wrong(KEY_REQUIREMENTS))?;
        let (verifier, jwk) =
            with_thumbprint(jwk, algorithm).ok_or_else(|| wrong(KEY_REQUIREMENTS))?;
        let mut header = Header::new(algorithm);
        header.kid.clone_from(&verifier.kid);
        let keys = Self {
            header,
            signing,
            verifying: vec![verifier],
            public: JwkSet { keys: vec![jwk] },
        };
        // If the key cannot verify what it signs, every token would be refused later.
        let probe = keys.sign(&Map::new()).ok();
        if probe.is_none_or(|token| keys.open(&token).is_err()) {
            return Err(wrong(KEY_REQUIREMENTS));
        }
        let mut keys = keys;
        keys.add_older(settings)?;
        Ok(keys)
    }

    /// Adds the older keys, which only verify.
    fn add_older(&mut self, settings: &TokenSettings) -> Result<(), TokenKeyError> {
        let current = jws_algorithm(settings.algorithm);
        let is_other_hmac = settings.algorithm.is_symmetric() && current != Algorithm::HS256;
        for secret in &settings.verifying_secrets {
            self.verifying.push(shared_secret(secret, Algorithm::HS256));
            if is_other_hmac {
                self.verifying.push(shared_secret(secret, current));
            }
        }
        // A PEM file does not say for which of the three algorithms an RSA key is.
        let rsa = match current {
            Algorithm::RS384 | Algorithm::RS512 => current,
            _ => Algorithm::RS256,
        };
        for (index, pem) in settings.verifying_keys.iter().enumerate() {
            let key = read_pem(pem.expose_secret(), rsa)
                .and_then(|(jwk, algorithm)| with_thumbprint(jwk, algorithm));
            let (verifier, jwk) = key.ok_or_else(|| TokenKeyError {
                setting: "JWT_VERIFYING_KEYS",
                problem: format!(
                    "entry {} is not a public or private key in PEM format for RSA (2,048 bits or more), ES256 (P-256) or EdDSA (Ed25519)",
                    index + 1
                ),
            })?;
            // The list may also contain the key that signs.
            if self
                .public
                .keys
                .iter()
                .any(|known| known.common.key_id == verifier.kid)
            {
                continue;
            }
            self.verifying.push(verifier);
            self.public.keys.push(jwk);
        }
        Ok(())
    }

    /// Signs claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }

    /// Verifies the signature of a token and returns its payload.
    pub fn open(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        // `crit` lists extensions that a verifier must support, and none is supported here (RFC 7515,
        // section 4.1.11). `b64` says that the payload is not encoded (RFC 7797).
        let is_encoded = header.extras.inner().get("b64") != Some(&Value::Bool(false));
        if header.crit.is_some() || !is_encoded {
            return Err(TokenError::Invalid);
        }
        let fits = |verifier: &&VerificationKey| {
            verifier.algorithm == header.alg
                && (verifier.kid.is_none() || header.kid.is_none() || verifier.kid == header.kid)
        };
        let open = |verifier: &VerificationKey| {
            let mut rules = Validation::new(verifier.algorithm);
            // The caller checks times, issuer and audience, with the application's clock and simplejwt's
            // messages.
            rules.validate_exp = false;
            rules.validate_aud = false;
            rules.required_spec_claims.clear();
            jsonwebtoken::decode::<Map<String, Value>>(token, &verifier.key, &rules).ok()
        };
        let opened = self.verifying.iter().filter(fits).find_map(open);
        opened.map(|data| data.claims).ok_or(TokenError::Invalid)
    }

    /// Whether this has the form of a token, and none of the keys has signed it: it is forged, or its key is
    /// no longer in use.
    pub fn is_forged(&self, token: &str) -> bool {
        let header = token.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).ok();
        let header =
            header.and_then(|text| serde_json::from_slice::<Map<String, Value>>(&text).ok());
        header.is_some_and(|header| header.contains_key("alg")) && self.open(token).is_err()
    }

    /// The public keys, the signing key first; empty if every key is a shared secret.
    pub fn public(&self) -> &JwkSet {
        &self.public
    }
}

/// The algorithm by jsonwebtoken's name.
fn jws_algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn shared_secret(secret: &SecretString, algorithm: Algorithm) -> VerificationKey {
    VerificationKey {
        algorithm,
        kid: None,
        key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
    }
}

/// A verification key with its RFC 7638 thumbprint as `kid`, and the same key for publication.
fn with_thumbprint(mut jwk: Jwk, algorithm: Algorithm) -> Option<(VerificationKey, Jwk)> {
    let fits = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
        AlgorithmParameters::RSA(key) => key.n.len() >= MIN_MODULUS_LEN,
        _ => true,
    };
    if !fits {
        return None;
    }
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.key_algorithm = Some(KeyAlgorithm::from(algorithm));
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let verifier = VerificationKey {
        algorithm,
        kid: Some(kid),
        key: DecodingKey::from_jwk(&jwk).ok()?,
    };
    Some((verifier, jwk))
}

/// Reads a public or private key of any supported algorithm; `rsa` is the algorithm of RSA keys.
fn read_pem(pem: &str, rsa: Algorithm) -> Option<(Jwk, Algorithm)> {
    let pem = pem.as_bytes();
    let public = [
        (rsa, DecodingKey::from_rsa_pem(pem)),
        (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
    ];
    let private = [
        (rsa, EncodingKey::from_rsa_pem(pem)),
        (Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
        (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
    ];
    let of_public = public.into_iter().find_map(|(algorithm, key)| {
        Some((
            Jwk::from_decoding_key(&key.ok()?, Some(algorithm)).ok()?,
            algorithm,
        ))
    });
    of_public.or_else(|| {
        private.into_iter().find_map(|(algorithm, key)| {
            Some((
                Jwk::from_encoding_key(&key.ok()?, algorithm).ok()?,
                algorithm,
            ))
        })
    })
}
