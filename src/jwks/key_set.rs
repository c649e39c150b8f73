//! The provider's public keys (RFC 7517), and which of them a token names.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

/// The keys that verify signatures.
pub(crate) struct KeySet(Vec<VerificationKey>);

struct VerificationKey {
    kid: Option<String>,
    /// Where the key names it, no other will do.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct KeySetJson {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set; keys of a kind that is not known here are passed over (RFC 7517, 5).
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let wire: KeySetJson = serde_json::from_slice(body)
            .map_err(|error| format!("its keys cannot be read: {error}"))?;
        let keys: Vec<_> = wire
            .keys
            .into_iter()
            .filter_map(VerificationKey::read)
            .collect();
        // Such a set must not take the place of a good one that is kept.
        if keys.is_empty() {
            return Err("it publishes no key that could sign".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key that the header names. Without a `kid`, the only one that could be meant.
    pub(crate) fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| key.fits(header));
        let first = fitting.next()?;
        let only = fitting.next().is_none();
        (header.kid.is_some() || only).then_some(&first.key)
    }
}

impl VerificationKey {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = match &jwk.common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        // A shared secret in a public set is everybody's.
        let public = key.family() != AlgorithmFamily::Hmac;
        (signs && public).then(|| Self {
            kid: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm,
            key,
        })
    }

    fn fits(&self, header: &Header) -> bool {
        let named = header.kid.is_none() || header.kid == self.kid;
        let algorithm = KeyAlgorithm::from(header.alg);
        let allowed = self.algorithm.is_none_or(|own| own == algorithm);
        named && allowed && self.key.family() == header.alg.family()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::Algorithm;

    use super::*;

    const SET: &str = r#"{"keys":[
        {"kty":"RSA","kid":"a","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"},
        {"kty":"RSA","kid":"b","n":"AQAB","e":"AQAB"},
        {"kty":"RSA","kid":"enc","use":"enc","n":"AQAB","e":"AQAB"},
        {"kty":"oct","kid":"secret","k":"AQAB"},
        {"kty":"LWE","kid":"later","q":1},
        {"kty":"RSA","kid":"broken"},
        7
    ]}"#;

    fn finds(set: &str, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        KeySet::read(set.as_bytes())
            .unwrap()
            .find(&header)
            .is_some()
    }

    #[test]
    fn a_token_names_its_key_and_the_key_its_algorithm() {
        assert!(finds(SET, Algorithm::RS256, Some("a")));
        assert!(!finds(SET, Algorithm::RS384, Some("a")));
        assert!(finds(SET, Algorithm::PS256, Some("b")));
        assert!(!finds(SET, Algorithm::ES256, Some("b")));
        for kid in ["enc", "later", "broken", "unknown"] {
            assert!(!finds(SET, Algorithm::RS256, Some(kid)), "{kid}");
        }
    }

    #[test]
    fn a_shared_secret_is_no_public_key() {
        assert!(!finds(SET, Algorithm::HS256, Some("secret")));
        assert!(!finds(SET, Algorithm::HS256, Some("a")));
        assert!(!finds(SET, Algorithm::HS256, None));
    }

    #[test]
    fn without_a_kid_the_key_must_be_the_only_one() {
        assert!(!finds(SET, Algorithm::RS256, None));
        assert!(finds(SET, Algorithm::RS384, None));
        for nothing in [
            "[]",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"oct","k":"AQAB"}]}"#,
        ] {
            assert!(KeySet::read(nothing.as_bytes()).is_err(), "{nothing}");
        }
    }
}
