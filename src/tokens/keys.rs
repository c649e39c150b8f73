//! The keys that sign and verify tokens: one signs, several may verify, each bound to its own
//! algorithm and `kid`.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use super::TokenError;
use crate::settings::{JwtAlgorithm, TokenSettings};

/// The least that RS256 takes, 2,048 bits (RFC 7518, 3.3), in characters of base64.
const SHORTEST_MODULUS: usize = 342;
const WANTED: &str = "not a private key for JWT_ALGORITHM: a PEM file as `openssl genpkey` writes it, for RS256 of 2,048 bits or more, for ES256 on P-256, for EdDSA an Ed25519 key";

/// A key that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct KeyError {
    /// The setting that names it.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The keys in force.
pub struct TokenKeys {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<Verifier>,
    /// What `/.well-known/jwks.json` shows; none with HS256.
    public: JwkSet,
}

struct Verifier {
    algorithm: Algorithm,
    /// None for a shared secret.
    kid: Option<String>,
    key: DecodingKey,
}

impl TokenKeys {
    /// Reads the keys that the settings name.
    pub fn new(settings: &TokenSettings) -> Result<Self, KeyError> {
        match settings.algorithm {
            JwtAlgorithm::Hs256 => Self::shared(settings),
            JwtAlgorithm::Rs256 | JwtAlgorithm::Es256 | JwtAlgorithm::EdDsa => {
                Self::asymmetric(settings)
            }
        }
    }

    fn shared(settings: &TokenSettings) -> Result<Self, KeyError> {
        let mut keys = Self {
            header: Header::new(Algorithm::HS256),
            signing: EncodingKey::from_secret(settings.signing_key.expose_secret().as_bytes()),
            verifying: vec![shared_secret(&settings.signing_key)],
            public: JwkSet { keys: Vec::new() },
        };
        keys.add_older(settings)?;
        Ok(keys)
    }

    fn asymmetric(settings: &TokenSettings) -> Result<Self, KeyError> {
        let wrong = |problem: &str| KeyError {
            setting: "JWT_SIGNING_KEY",
            problem: problem.to_owned(),
        };
        let pem = settings.signing_key.expose_secret().as_bytes();
        let (algorithm, key) = match settings.algorithm {
            JwtAlgorithm::Rs256 => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
            JwtAlgorithm::Es256 => (Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            JwtAlgorithm::EdDsa => (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
            JwtAlgorithm::Hs256 => return Err(wrong("HS256 has no PEM file")),
        };
        let signing = key.map_err(|_| wrong(WANTED))?;
        let jwk = Jwk::from_encoding_key(&signing, algorithm).map_err(|_| wrong(WANTED))?;
        let (verifier, jwk) = publish(jwk, algorithm).ok_or_else(|| wrong(WANTED))?;
        let mut header = Header::new(algorithm);
        header.kid.clone_from(&verifier.kid);
        let keys = Self {
            header,
            signing,
            verifying: vec![verifier],
            public: JwkSet { keys: vec![jwk] },
        };
        // A key that signs nothing that it verifies itself would sign everybody out later.
        let probe = keys.sign(&Map::new()).ok();
        if probe.is_none_or(|token| keys.open(&token).is_err()) {
            return Err(wrong(WANTED));
        }
        let mut keys = keys;
        keys.add_older(settings)?;
        Ok(keys)
    }

    /// Adds the older keys: each verifies what it signed, and nothing else.
    fn add_older(&mut self, settings: &TokenSettings) -> Result<(), KeyError> {
        let secrets = settings.verifying_secrets.iter();
        self.verifying.extend(secrets.map(shared_secret));
        for (place, pem) in settings.verifying_keys.iter().enumerate() {
            let older =
                older(pem.expose_secret()).and_then(|(jwk, algorithm)| publish(jwk, algorithm));
            let (verifier, jwk) = older.ok_or_else(|| KeyError {
                setting: "JWT_VERIFYING_KEYS",
                problem: format!(
                    "entry {} is no public or private key of RS256 (2,048 bits or more), ES256 (P-256) or EdDSA (Ed25519), in PEM",
                    place + 1
                ),
            })?;
            // Whoever changes keys may have listed the one in use already.
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

    /// The payload of a token whose signature is right.
    pub fn open(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        // We know no extension, and one that must be understood is one to refuse (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(TokenError::Invalid);
        }
        let fits = |verifier: &&Verifier| {
            verifier.algorithm == header.alg
                && (verifier.kid.is_none() || header.kid.is_none() || verifier.kid == header.kid)
        };
        let open = |verifier: &Verifier| {
            let mut rules = Validation::new(verifier.algorithm);
            // Times, issuer and audience are checked with our clock and our words.
            rules.validate_exp = false;
            rules.validate_aud = false;
            rules.required_spec_claims.clear();
            jsonwebtoken::decode::<Map<String, Value>>(token, &verifier.key, &rules).ok()
        };
        let opened = self.verifying.iter().filter(fits).find_map(open);
        opened.map(|data| data.claims).ok_or(TokenError::Invalid)
    }

    /// The public keys, the signing one first; empty with HS256 alone.
    pub fn public(&self) -> &JwkSet {
        &self.public
    }
}

fn shared_secret(secret: &SecretString) -> Verifier {
    Verifier {
        algorithm: Algorithm::HS256,
        kid: None,
        key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
    }
}

/// A verifier bound to its RFC 7638 thumbprint, and the key as it is published.
fn publish(mut jwk: Jwk, algorithm: Algorithm) -> Option<(Verifier, Jwk)> {
    let fits = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
        AlgorithmParameters::RSA(key) => key.n.len() >= SHORTEST_MODULUS,
        _ => true,
    };
    if !fits {
        return None;
    }
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.key_algorithm = Some(KeyAlgorithm::from(algorithm));
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let verifier = Verifier {
        algorithm,
        kid: Some(kid),
        key: DecodingKey::from_jwk(&jwk).ok()?,
    };
    Some((verifier, jwk))
}

/// A public or private key of any kind.
fn older(pem: &str) -> Option<(Jwk, Algorithm)> {
    let pem = pem.as_bytes();
    let public = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
    ];
    let private = [
        (Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
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
