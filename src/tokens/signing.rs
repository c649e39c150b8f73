//! Signs tokens and reads them back.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::claims::Times;
use super::{Claims, KeyError, Kind, TokenError, TokenKeys};
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::settings::TokenSettings;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The key would not sign.
    #[error("a token could not be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// No randomness for its id.
    #[error("the system gave no randomness")]
    Randomness,
    /// What waits for a replay could not be sealed.
    #[error("a token could not be sealed")]
    Sealing,
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<aws_lc_rs::error::Unspecified> for IssueError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Randomness
    }
}

impl From<diesel::result::Error> for IssueError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The keys and the rules of tokens.
pub struct Tokens {
    keys: TokenKeys,
    issuer: Option<String>,
    audience: Option<String>,
    pub(super) access_lifetime: TimeDelta,
    pub(super) refresh_lifetime: TimeDelta,
    pub(super) family_lifetime: TimeDelta,
    pub(super) rotate: bool,
}

impl Tokens {
    /// Reads the keys and takes the rules from the settings.
    pub fn new(settings: &TokenSettings) -> Result<Self, KeyError> {
        Ok(Self {
            keys: TokenKeys::new(settings)?,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            access_lifetime: settings.access_lifetime,
            refresh_lifetime: settings.refresh_lifetime,
            family_lifetime: settings.family_lifetime,
            rotate: settings.rotate,
        })
    }

    /// The keys, for their public half.
    pub fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// Signs claims, in our name and for our audience where those are set.
    pub(super) fn sign(&self, mut claims: Claims) -> Result<String, IssueError> {
        claims.iss.clone_from(&self.issuer);
        claims.aud.clone_from(&self.audience);
        Ok(self.keys.sign(&claims)?)
    }

    /// Reads a token. `kind`: `None` takes either, as verifying does.
    pub fn read(
        &self,
        token: &str,
        kind: Option<Kind>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let payload = self.keys.open(token)?;
        self.read_at(payload, kind, now)
    }

    /// Reads a token as [`read`](Self::read) does, one that has expired too: what it says is true
    /// still, and a log-out wants to know.
    pub fn read_expired(
        &self,
        token: &str,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let mut payload = self.keys.open(token)?;
        // Nor does it matter to a log-out when it begins: replicas' clocks differ by a little.
        payload.remove("iat");
        payload.remove("nbf");
        let end = payload.get("exp").and_then(Value::as_i64);
        let end = end.and_then(|end| Timestamp::from_seconds(end.checked_sub(1)?));
        self.read_at(payload, Some(kind), end.map_or(now, |end| end.min(now)))
    }

    fn read_at(
        &self,
        mut payload: Map<String, Value>,
        kind: Option<Kind>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let times = Times::read(&payload, now)?;
        self.is_from_us_for_us(&mut payload)?;
        Claims::read(payload, &times, kind)
    }

    /// Checks issuer and audience, each where it is set; what is not set is a claim like others.
    fn is_from_us_for_us(&self, payload: &mut Map<String, Value>) -> Result<(), TokenError> {
        let mut right = true;
        if let Some(ours) = &self.issuer {
            let issuer = payload.remove("iss");
            right &= issuer.as_ref().and_then(Value::as_str) == Some(ours);
        }
        if let Some(ours) = &self.audience {
            let audience = payload.remove("aud");
            right &= audience.is_some_and(|found| holds(&found, ours));
        }
        right.then_some(()).ok_or(TokenError::Invalid)
    }
}

/// `aud` is one text or a list of them (RFC 7519, 4.1.3).
fn holds(audience: &Value, ours: &str) -> bool {
    match audience {
        Value::String(one) => one == ours,
        Value::Array(many) => {
            many.iter().all(Value::is_string) && many.iter().any(|one| one.as_str() == Some(ours))
        }
        _ => false,
    }
}
