//! Signs tokens and verifies them.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::claims::{TokenClaims, TokenError, TokenKind, TokenTimes};
use super::keys::{TokenKeyError, TokenKeys};
use super::provenance::Provenance;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::random::RandomnessError;
use crate::sealing::SealError;
use crate::settings::{ApplicationClaim, TokenSettings};

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Signing failed.
    #[error("a token could not be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The token's id could not be generated.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The successor of a replaced token could not be encrypted.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for IssueError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Issues and verifies tokens.
pub struct Tokens {
    keys: TokenKeys,
    provenance: Provenance,
    issuer: Option<String>,
    pub(super) audiences: Vec<String>,
    leeway: TimeDelta,
    pub(super) access_lifetime: TimeDelta,
    pub(super) refresh_lifetime: TimeDelta,
    pub(super) family_lifetime: TimeDelta,
    pub(super) rotate: bool,
    pub(super) application_claims: Vec<ApplicationClaim>,
}

impl Tokens {
    /// Reads the keys and the lifetimes from the settings.
    pub fn new(settings: &TokenSettings) -> Result<Self, TokenKeyError> {
        Ok(Self {
            keys: TokenKeys::new(settings)?,
            provenance: Provenance::new(settings),
            issuer: settings.issuer.clone(),
            audiences: settings.audiences.clone(),
            leeway: settings.leeway,
            access_lifetime: settings.access_lifetime,
            refresh_lifetime: settings.refresh_lifetime,
            family_lifetime: settings.family_lifetime,
            rotate: settings.rotate,
            application_claims: settings.application_claims.clone(),
        })
    }

    /// Also recognizes tokens of earlier versions, which were issued before this time and do not bind their
    /// claims; see [`end_of_unbound_tokens`](super::end_of_unbound_tokens).
    #[must_use]
    pub fn accepting_unbound_before(mut self, end: Option<Timestamp>) -> Self {
        if let Some(end) = end {
            self.provenance.accept_unbound_before(end);
        }
        self
    }

    /// The keys.
    pub fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// Signs claims, with the issuer and the audience of the settings.
    pub(super) fn sign(&self, claims: TokenClaims) -> Result<String, IssueError> {
        self.sign_for(claims, &self.audiences)
    }

    /// Signs claims, with the issuer of the settings and these audiences.
    pub(super) fn sign_for(
        &self,
        mut claims: TokenClaims,
        audiences: &[String],
    ) -> Result<String, IssueError> {
        self.provenance.bind(&mut claims);
        claims.iss.clone_from(&self.issuer);
        claims.aud = match audiences {
            [] => None,
            [one] => Some(one.as_str().into()),
            several => Some(several.into()),
        };
        Ok(self.keys.sign(&claims)?)
    }

    /// Verifies a token and returns its claims. `kind`: the kind that is required; `None` allows any.
    pub fn read(
        &self,
        token: &str,
        kind: Option<TokenKind>,
        now: Timestamp,
    ) -> Result<TokenClaims, TokenError> {
        let mut payload = self.keys.open(token)?;
        let own = self.provenance.take_own(&mut payload);
        let iat = payload.get("iat").and_then(Value::as_i64);
        if iat.is_some_and(|iat| iat > now.seconds())
            && own.contains_key("ver")
            && !own.contains_key("act")
        {
            // The clock that our token was issued by was ahead. PyJWT refuses a token until its `iat`.
            payload.insert("iat".to_owned(), now.seconds().into());
        }
        let claims = self.read_at(payload, own, kind, now)?;
        match claims.has_outlived_impersonation(now) {
            true => Err(TokenError::Expired),
            false => Ok(claims),
        }
    }

    /// Verifies a token as [`read`](Self::read) does, but accepts an expired one: a log-out uses its
    /// claims.
    pub fn read_expired(
        &self,
        token: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<TokenClaims, TokenError> {
        let mut payload = self.keys.open(token)?;
        let own = self.provenance.take_own(&mut payload);
        // A log-out ignores the beginning of the lifetime too, because replicas' clocks differ.
        payload.remove("iat");
        payload.remove("nbf");
        let exp = payload.get("exp").and_then(Value::as_i64);
        let valid_at = exp.and_then(|exp| Timestamp::from_seconds(exp.checked_sub(1)?));
        let at = valid_at.map_or(now, |valid_at| valid_at.min(now));
        self.read_at(payload, own, Some(kind), at)
    }

    fn read_at(
        &self,
        mut payload: Map<String, Value>,
        own: Map<String, Value>,
        kind: Option<TokenKind>,
        now: Timestamp,
    ) -> Result<TokenClaims, TokenError> {
        let times = TokenTimes::read(&payload, now, self.leeway)?;
        self.check_issuer_and_audience(&mut payload)?;
        let claims = TokenClaims::read(payload, own, &times, kind)?;
        match claims.is_forwarded() {
            true => Err(TokenError::Invalid),
            false => Ok(claims),
        }
    }

    /// Checks the issuer and the audience, each if the settings name one. Otherwise `iss` and `aud` are
    /// claims like any other.
    fn check_issuer_and_audience(
        &self,
        payload: &mut Map<String, Value>,
    ) -> Result<(), TokenError> {
        let mut matches = true;
        if let Some(expected) = &self.issuer {
            let issuer = payload.remove("iss");
            matches &= issuer.as_ref().and_then(Value::as_str) == Some(expected);
        }
        if !self.audiences.is_empty() {
            let audience = payload.remove("aud");
            matches &= audience.is_some_and(|audience| contains(&audience, &self.audiences));
        }
        matches.then_some(()).ok_or(TokenError::Invalid)
    }
}

/// Whether `aud` contains one of the expected audiences: it is one text or a list of texts (RFC 7519,
/// section 4.1.3).
fn contains(audience: &Value, expected: &[String]) -> bool {
    let is_expected = |one: &Value| expected.iter().any(|other| one == other.as_str());
    match audience {
        Value::String(_) => is_expected(audience),
        Value::Array(list) => list.iter().all(Value::is_string) && list.iter().any(is_expected),
        _ => false,
    }
}
