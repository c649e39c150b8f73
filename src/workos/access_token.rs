//! Verifies WorkOS's access tokens with its key set.
//!
//! Only tokens of renewals are verified, so that a proxy between us and WorkOS cannot prolong
//! sessions by itself. The token of a sign-in comes directly from the token endpoint over TLS.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::WorkosError;
use crate::clock::Timestamp;
use crate::http_client;
use crate::jwks::{JwksCache, KeySet};

/// The claim that is checked here. The caller checks whom the token is about.
#[derive(Deserialize)]
struct IssuerClaim {
    iss: String,
}

/// Verifies access tokens with WorkOS's public keys and the accepted issuers.
pub(super) struct AccessTokenVerifier {
    http: reqwest::Client,
    url: String,
    issuers: Vec<String>,
    keys: JwksCache<WorkosError>,
}

impl AccessTokenVerifier {
    /// Creates a verifier with the key set at `url`, without sending a request.
    pub(super) fn new(http: reqwest::Client, url: String, issuers: Vec<String>) -> Self {
        Self {
            http,
            url,
            issuers,
            keys: JwksCache::new(),
        }
    }

    /// Verifies a token. Every failure is [`WorkosError::Unavailable`]: WorkOS has not refused
    /// anything, and an invalid token proves no more than a missing one.
    pub(super) async fn verify(
        &self,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<(), WorkosError> {
        let token = token.expose_secret();
        let header =
            jsonwebtoken::decode_header(token).map_err(|error| unverified_token_error(&error))?;
        if header.alg != Algorithm::RS256 {
            return Err(unverified_token_error(&format!(
                "it is signed with {:?}",
                header.alg
            )));
        }
        let fetch = || self.fetch_keys();
        match self.keys.signing_key(&header, now, fetch).await? {
            Some(key) => self.verify_with_key(token, &key),
            None => Err(unverified_token_error(
                &"WorkOS publishes no key that signed it",
            )),
        }
    }

    fn verify_with_key(&self, token: &str, key: &DecodingKey) -> Result<(), WorkosError> {
        let mut rules = Validation::new(Algorithm::RS256);
        // The renewal evaluates the expiry and allows for clock differences. The audience is not
        // checked.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let claims: IssuerClaim = jsonwebtoken::decode(token, key, &rules)
            .map_err(|error| unverified_token_error(&error))?
            .claims;
        if self.knows_issuer(&claims.iss) {
            return Ok(());
        }
        Err(unverified_token_error(&format!(
            "its issuer {:?} is not in WORKOS_JWT_ISSUERS",
            claims.iss
        )))
    }

    /// Whether `WORKOS_JWT_ISSUERS` has the issuer.
    pub(super) fn knows_issuer(&self, issuer: &str) -> bool {
        let issuer = issuer.trim_end_matches('/');
        self.issuers.iter().any(|known| known == issuer)
    }

    /// Logs an error if the sessions of a sign-in's access token could not be renewed because of its issuer.
    pub(super) fn report_issuer(&self, issuer: &str) {
        if !self.knows_issuer(issuer) {
            log::error!(
                "WorkOS's access tokens have the issuer {issuer:?}, which is not in WORKOS_JWT_ISSUERS, so no session can be renewed; set WORKOS_JWT_ISSUERS='{},{issuer}'",
                self.issuers.join(",")
            );
        }
    }

    async fn fetch_keys(&self) -> Result<KeySet, WorkosError> {
        let keys = http_client::send(self.http.get(&self.url)).await;
        let keys = keys.map_err(|error| error.to_string());
        keys.and_then(|body| KeySet::read(&body))
            .map_err(|error| WorkosError::unavailable(format!("its key set: {error}")))
    }
}

fn unverified_token_error(problem: &impl std::fmt::Display) -> WorkosError {
    WorkosError::unavailable(format!("its access token cannot be trusted: {problem}"))
}
