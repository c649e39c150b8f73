//! Parses a provider's public keys (RFC 7517) and finds the one that a token names.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

/// The keys of a provider that verify signatures.
pub(crate) struct KeySet(Vec<PublishedKey>);

struct PublishedKey {
    kid: Option<String>,
    /// If the key names an algorithm, it is used with no other.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct KeySetJson {
    keys: Vec<Value>,
}

impl KeySet {
    /// Parses a key set. Keys of unknown types are ignored (RFC 7517, 5).
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let json: KeySetJson = serde_json::from_slice(body)
            .map_err(|error| format!("its key set cannot be read: {error}"))?;
        let keys: Vec<_> = json
            .keys
            .into_iter()
            .filter_map(PublishedKey::read)
            .collect();
        // An empty set must not replace a good one in the cache.
        if keys.is_empty() {
            return Err("its key set has no key for signatures".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key that the header names. Without a `kid`, the only key that fits the algorithm.
    pub(crate) fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut matching = self.0.iter().filter(|key| key.matches(header));
        let first = matching.next()?;
        let only = matching.next().is_none();
        (header.kid.is_some() || only).then_some(&first.key)
    }
}

impl PublishedKey {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = match &jwk.common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        // A symmetric key in a public set is no secret.
        let public = key.family() != AlgorithmFamily::Hmac;
        (signs && public).then(|| Self {
            kid: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm,
            key,
        })
    }

    fn matches(&self, header: &Header) -> bool {
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
    fn a_token_selects_a_key_by_kid_and_algorithm() {
        assert!(finds(SET, Algorithm::RS256, Some("a")));
        assert!(!finds(SET, Algorithm::RS384, Some("a")));
        assert!(finds(SET, Algorithm::PS256, Some("b")));
        assert!(!finds(SET, Algorithm::ES256, Some("b")));
        for kid in ["enc", "later", "broken", "unknown"] {
            assert!(!finds(SET, Algorithm::RS256, Some(kid)), "{kid}");
        }
    }

    #[test]
    fn a_symmetric_key_is_not_used() {
        assert!(!finds(SET, Algorithm::HS256, Some("secret")));
        assert!(!finds(SET, Algorithm::HS256, Some("a")));
        assert!(!finds(SET, Algorithm::HS256, None));
    }

    #[test]
    fn without_a_kid_only_a_single_matching_key_is_used() {
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
