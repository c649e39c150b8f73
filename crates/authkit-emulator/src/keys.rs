//! The key ring: RS256 signatures, and the public keys that `/sso/jwks/{client_id}` shows.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::ids;

/// AWS-LC would not generate a key or sign with it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the RSA key could not be made or used")]
pub struct KeyError;

struct SigningKey {
    kid: String,
    pair: Arc<RsaKeyPair>,
}

/// The pair that every emulator of this process begins with: making one can take a second, and a
/// test binary starts hundreds. Each emulator gives it a `kid` of its own.
static FIRST: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();

/// All keys that are published, of which the last one signs.
pub(crate) struct KeyRing {
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// A ring of one key.
    pub(crate) fn new() -> Result<Self, KeyError> {
        let pair = match FIRST.get() {
            Some(pair) => pair.clone(),
            None => {
                let pair = generate()?;
                FIRST.get_or_init(|| pair).clone()
            }
        };
        Ok(Self {
            keys: vec![SigningKey::new(pair)],
        })
    }

    /// Signs with a new key from now on; `keep_old` leaves the earlier ones published.
    pub(crate) fn rotate(&mut self, keep_old: bool) -> Result<(), KeyError> {
        let key = SigningKey::new(generate()?);
        if !keep_old {
            self.keys.clear();
        }
        self.keys.push(key);
        Ok(())
    }

    /// The claims as a compact JWS.
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
    pub(crate) fn published(&self) -> Value {
        json!({ "keys": self.keys.iter().map(SigningKey::public).collect::<Vec<_>>() })
    }
}

impl SigningKey {
    fn new(pair: Arc<RsaKeyPair>) -> Self {
        Self {
            kid: ids::fresh("sso_oidc_key_pair"),
            pair,
        }
    }

    fn public(&self) -> Value {
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

fn generate() -> Result<Arc<RsaKeyPair>, KeyError> {
    RsaKeyPair::generate(KeySize::Rsa2048)
        .map(Arc::new)
        .map_err(|_| KeyError)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
