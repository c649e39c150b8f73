//! WorkOS's access tokens, checked against its key set.
//!
//! A sign-in's token is not: it came straight from the token endpoint over TLS. A renewed one is, so
//! that what stands between us and WorkOS for weeks cannot carry a session on by itself.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::WorkosError;
use crate::clock::Timestamp;
use crate::http_client;
use crate::jwks::{JwksCache, KeySet};

/// What is checked here; who the token is about is the caller's to compare.
#[derive(Deserialize)]
struct Claims {
    iss: String,
}

/// WorkOS's public keys, and by which names it signs.
pub(super) struct AccessTokenVerifier {
    http: reqwest::Client,
    url: String,
    issuers: Vec<String>,
    keys: JwksCache,
}

impl AccessTokenVerifier {
    /// For the keys at `url`; nothing is asked of it yet.
    pub(super) fn new(http: reqwest::Client, url: String, issuers: Vec<String>) -> Self {
        Self {
            http,
            url,
            issuers,
            keys: JwksCache::new(),
        }
    }

    /// Fails with [`WorkosError::Unavailable`] whatever is wrong: WorkOS has refused nothing. A token
    /// that is none of ours proves no more than no token at all.
    pub(super) async fn verify(
        &self,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<(), WorkosError> {
        let token = token.expose_secret();
        let header = jsonwebtoken::decode_header(token).map_err(|error| wrong(&error))?;
        if header.alg != Algorithm::RS256 {
            return Err(wrong(&format!("it is signed with {:?}", header.alg)));
        }
        let fetch = || self.ask();
        match self.keys.signing_key(&header, now, fetch).await? {
            Some(key) => self.check(token, &key),
            None => Err(wrong(&"WorkOS publishes no key that signed it")),
        }
    }

    fn check(&self, token: &str, key: &DecodingKey) -> Result<(), WorkosError> {
        let mut rules = Validation::new(Algorithm::RS256);
        // Its end is reckoned with by whoever renews, clocks that differ included; an audience that
        // nobody asked about is no reason to refuse it.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let claims: Claims = jsonwebtoken::decode(token, key, &rules)
            .map_err(|error| wrong(&error))?
            .claims;
        let issuer = claims.iss.trim_end_matches('/');
        if self.issuers.iter().any(|known| known == issuer) {
            return Ok(());
        }
        Err(wrong(&format!(
            "its issuer {issuer:?} is not in WORKOS_JWT_ISSUERS"
        )))
    }

    async fn ask(&self) -> Result<KeySet, WorkosError> {
        let response = self.http.get(&self.url).send().await.map_err(|error| {
            WorkosError::unavailable(format!("its key set: {}", http_client::reason(&error)))
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(WorkosError::unavailable(format!(
                "its key set: it answered {status}"
            )));
        }
        let body = http_client::read_body(response).await;
        body.and_then(|body| KeySet::read(&body))
            .map_err(|error| WorkosError::unavailable(format!("its key set: {error}")))
    }
}

fn wrong(problem: &impl std::fmt::Display) -> WorkosError {
    WorkosError::unavailable(format!("its access token cannot be trusted: {problem}"))
}
