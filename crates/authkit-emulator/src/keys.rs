//! The signing keys of access tokens (RS256), and the key set at `/sso/jwks/{client_id}`.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::ids;

/// AWS-LC failed to generate a key or to sign with it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("failed to generate an RSA key or to sign with it")]
pub struct KeyError;

struct SigningKey {
    kid: String,
    pair: Arc<RsaKeyPair>,
}

/// The first key pair of every emulator in this process. Generating a pair can take a second, and a
/// test binary starts hundreds of emulators. Each emulator gives the pair a `kid` of its own.
static FIRST_PAIR: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();

/// The published keys. The last one signs.
pub(crate) struct KeyRing {
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// A key ring with one key.
    pub(crate) fn new() -> Result<Self, KeyError> {
        let pair = match FIRST_PAIR.get() {
            Some(pair) => pair.clone(),
            None => {
                let pair = generate_pair()?;
                FIRST_PAIR.get_or_init(|| pair).clone()
            }
        };
        Ok(Self {
            keys: vec![SigningKey::new(pair)],
        })
    }

    /// Adds a new signing key. With `keep_old` the earlier keys stay published.
    pub(crate) fn rotate(&mut self, keep_old: bool) -> Result<(), KeyError> {
        let key = SigningKey::new(generate_pair()?);
        if !keep_old {
            self.keys.clear();
        }
        self.keys.push(key);
        Ok(())
    }

    /// Signs the claims: a JWS in compact serialisation.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let key = self.keys.last().ok_or(KeyError)?;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid });
        let input = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .map_err(|_| KeyError)?;
        Ok(format!("{input}.{}", encode(signature)))
    }

    /// The JSON Web Key Set.
    pub(crate) fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(SigningKey::to_jwk).collect::<Vec<_>>() })
    }
}

impl SigningKey {
    fn new(pair: Arc<RsaKeyPair>) -> Self {
        Self {
            kid: ids::random_id("sso_oidc_key_pair"),
            pair,
        }
    }

    fn to_jwk(&self) -> Value {
        let key = self.pair.public_key();
        json!({
            "alg": "RS256",
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "n": encode(key.modulus().big_endian_without_leading_zero()),
            "e": encode(key.exponent().big_endian_without_leading_zero()),
        })
    }
}

fn generate_pair() -> Result<Arc<RsaKeyPair>, KeyError> {
    RsaKeyPair::generate(KeySize::Rsa2048)
        .map(Arc::new)
        .map_err(|_| KeyError)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
