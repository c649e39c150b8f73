//! What a token says, and what is wrong with one, in simplejwt's words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

/// The end of the year 9999, where Python's calendar ends, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;
/// The width of simplejwt's column for `jti`.
const LONGEST_ID: usize = 255;

/// Which of the two a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens the API for some minutes.
    Access,
    /// Gets the next access token.
    Refresh,
}

impl Kind {
    /// The claim `token_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// Why a token is not taken. The sentences are simplejwt's: single-page apps compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Garbage, a bad signature, another algorithm or audience, issued in the future.
    #[error("Token is invalid")]
    Invalid,
    /// Past its `exp`.
    #[error("Token is expired")]
    Expired,
    /// Without `exp`.
    #[error("Token has no 'exp' claim")]
    NoExpiry,
    /// Without `jti`.
    #[error("Token has no id")]
    NoId,
    /// Without `token_type`.
    #[error("Token has no type")]
    NoType,
    /// An access token for a refresh token, or the other way round.
    #[error("Token has wrong type")]
    WrongType,
    /// Retired by rotation, logged out or blacklisted.
    #[error("Token is blacklisted")]
    Blacklisted,
}

/// Somebody of the operator's who acts as the user (RFC 8693, 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The e-mail.
    pub sub: String,
}

/// The claims of a token, in the order that simplejwt writes them in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claims {
    /// See [`Kind`].
    pub token_type: &'static str,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// 32 hexadecimal digits.
    pub jti: String,
    /// The row in `users`, as a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// WorkOS's session behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The user's `token_version`; Django's tokens have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ver: Option<i64>,
    /// Who is really acting, in an impersonated session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// `JWT_AUDIENCE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// `JWT_ISSUER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Claims that a Django project put in by itself.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The times of a token, which PyJWT looks at before anything else.
pub(super) struct Times {
    exp: Option<i64>,
    iat: Option<i64>,
}

impl Times {
    /// Reads them in PyJWT's order of complaints. No leeway: simplejwt's default.
    pub(super) fn read(payload: &Map<String, Value>, now: Timestamp) -> Result<Self, TokenError> {
        let now = now.seconds();
        let iat = seconds(payload.get("iat"))?;
        let nbf = seconds(payload.get("nbf"))?;
        if iat.is_some_and(|iat| iat > now) || nbf.is_some_and(|nbf| nbf > now) {
            return Err(TokenError::Invalid);
        }
        let exp = seconds(payload.get("exp"))?;
        match exp {
            Some(exp) if exp <= now => Err(TokenError::Expired),
            // simplejwt takes a number alone, and one that its calendar has.
            Some(exp) if exp > LAST_SECOND || payload["exp"].is_string() => {
                Err(TokenError::Invalid)
            }
            _ => Ok(Self { exp, iat }),
        }
    }
}

impl Claims {
    /// Reads the other claims of a token whose signature and times were right, in simplejwt's order
    /// of complaints. `kind`: `None` takes either, as verifying does.
    pub(super) fn read(
        mut payload: Map<String, Value>,
        times: &Times,
        kind: Option<Kind>,
    ) -> Result<Self, TokenError> {
        if payload.get("sub").is_some_and(|sub| !sub.is_string()) {
            return Err(TokenError::Invalid);
        }
        let jti = take_text(&mut payload, "jti")?;
        let exp = times.exp.ok_or(TokenError::NoExpiry)?;
        let jti = jti.ok_or(TokenError::NoId)?;
        let token_type = match payload.remove("token_type") {
            None => return Err(TokenError::NoType),
            Some(Value::String(found)) if found == "access" => Kind::Access,
            Some(Value::String(found)) if found == "refresh" => Kind::Refresh,
            Some(_) => return Err(TokenError::WrongType),
        };
        if kind.is_some_and(|kind| kind != token_type) {
            return Err(TokenError::WrongType);
        }
        payload.remove("exp");
        payload.remove("iat");
        Ok(Self {
            token_type: token_type.as_str(),
            exp,
            iat: times.iat,
            jti,
            user_id: payload.remove("user_id").map(user_id),
            sid: take_text(&mut payload, "sid")?,
            ver: match payload.remove("ver") {
                None => None,
                Some(ver) => Some(ver.as_i64().ok_or(TokenError::Invalid)?),
            },
            act: match payload.remove("act") {
                None => None,
                Some(act) => Some(serde_json::from_value(act).map_err(|_| TokenError::Invalid)?),
            },
            aud: None,
            iss: None,
            other: payload,
        })
    }

    /// The user's id; `None` when there is none that a row could have.
    pub fn user(&self) -> Option<i64> {
        self.user_id.as_deref().and_then(|id| id.parse().ok())
    }

    /// Whether it is a refresh token.
    pub(super) fn is_refresh(&self) -> bool {
        self.token_type == Kind::Refresh.as_str()
    }
}

/// A whole number of seconds, or what else Python's `int()` makes one of.
fn seconds(claim: Option<&Value>) -> Result<Option<i64>, TokenError> {
    let seconds = match claim {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().map(whole)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(yes)) => Some(i64::from(*yes)),
        Some(_) => None,
    };
    seconds.map(Some).ok_or(TokenError::Invalid)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what is too large becomes the largest number, which no calendar has either"
)]
fn whole(number: f64) -> i64 {
    number.trunc() as i64
}

/// A text that a column of either database can hold.
fn take_text(payload: &mut Map<String, Value>, name: &str) -> Result<Option<String>, TokenError> {
    match payload.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST_ID && !text.contains('\0') => {
            Ok(Some(text))
        }
        Some(_) => Err(TokenError::Invalid),
    }
}

/// Ours and simplejwt's is a string; its older versions wrote a number. Anything else is nobody's.
fn user_id(claim: Value) -> String {
    match claim {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
