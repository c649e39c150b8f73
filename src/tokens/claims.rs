//! The claims of a token, and the errors of an invalid one with simplejwt's messages.

use chrono::TimeDelta;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::accounts::{User, UserKey};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::WorkosSid;

/// The end of the year 9999, where Python's calendar ends, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;
/// Stands for every type of a token that is not a [`TokenKind`].
const OTHER_TYPE: &str = "other";
/// The width of simplejwt's column `jti`.
const MAX_ID_LEN: usize = 255;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Authenticates requests to the API for some minutes.
    Access,
    /// Is exchanged for the next access token.
    Refresh,
}

impl TokenKind {
    /// The value of the claim `token_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// Why a token is refused. The messages are simplejwt's, because single-page applications compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is malformed, its signature, algorithm, issuer or audience is wrong, or its `iat` is in the future.
    #[error("Token is invalid")]
    Invalid,
    /// Its `exp` has passed.
    #[error("Token is expired")]
    Expired,
    /// It has no `exp`.
    #[error("Token has no 'exp' claim")]
    NoExpiry,
    /// It has no `jti`.
    #[error("Token has no id")]
    NoId,
    /// It has no `token_type`.
    #[error("Token has no type")]
    NoType,
    /// It is an access token instead of a refresh token, or the reverse.
    #[error("Token has wrong type")]
    WrongType,
    /// It was replaced by rotation, or revoked.
    #[error("Token is blacklisted")]
    Blacklisted,
}

/// The longest lifetime of an impersonated session and of its tokens. WorkOS ends an impersonation after
/// an hour; a cookie of two weeks must not extend it.
pub const LONGEST_IMPERSONATION: TimeDelta = TimeDelta::minutes(60);

/// A member of the operator's staff who acts as the user (RFC 8693, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The impersonator's email.
    pub sub: String,
}

/// The claims of a token, in the order in which simplejwt writes them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenClaims {
    /// See [`TokenKind`]; `other` for the types that only a Django project knows, such as simplejwt's sliding
    /// tokens, which open nothing here.
    pub token_type: &'static str,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
    /// When the token was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The token's id: 32 hexadecimal digits.
    pub jti: String,
    /// The [`UserKey`], as a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id of the WorkOS session of the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<WorkosSid>,
    /// The user's `token_version`; `None` in tokens of another program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ver: Option<i64>,
    /// The impersonator, in an impersonated session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// `JWT_AUDIENCE`: a text, or a list of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Value>,
    /// `JWT_ISSUER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The MAC that binds `ver`, `sid` and `act` to the user. Only signing writes it.
    #[serde(rename = "vestibule", skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// Claims that a Django project added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The times of a token, which PyJWT checks before the other claims.
pub(super) struct TokenTimes {
    exp: Option<i64>,
    iat: Option<i64>,
}

impl TokenTimes {
    /// Checks the times in PyJWT's order. simplejwt's leeway is 0 by default.
    pub(super) fn read(
        payload: &Map<String, Value>,
        now: Timestamp,
        leeway: TimeDelta,
    ) -> Result<Self, TokenError> {
        let (earliest, latest) = (now.plus(-leeway).seconds(), now.plus(leeway).seconds());
        let iat = seconds(payload.get("iat"))?;
        let nbf = seconds(payload.get("nbf"))?;
        if iat.is_some_and(|iat| iat > latest) || nbf.is_some_and(|nbf| nbf > latest) {
            return Err(TokenError::Invalid);
        }
        let exp = seconds(payload.get("exp"))?;
        match exp {
            Some(exp) if exp <= earliest => Err(TokenError::Expired),
            // simplejwt requires a number within Python's calendar.
            Some(exp) if exp > LAST_SECOND || payload["exp"].is_string() => {
                Err(TokenError::Invalid)
            }
            _ => Ok(Self { exp, iat }),
        }
    }
}

impl TokenClaims {
    /// Reads the other claims of a token with a valid signature and valid times, in the order in which
    /// simplejwt checks them. `own`: our own claims, which are empty for a token of another program. `kind`:
    /// the kind that is required; `None` allows any.
    pub(super) fn read(
        mut payload: Map<String, Value>,
        mut own: Map<String, Value>,
        times: &TokenTimes,
        kind: Option<TokenKind>,
    ) -> Result<Self, TokenError> {
        if payload.get("sub").is_some_and(|sub| !sub.is_string()) {
            return Err(TokenError::Invalid);
        }
        let jti = take_text(&mut payload, "jti")?;
        let exp = times.exp.ok_or(TokenError::NoExpiry)?;
        let jti = jti.ok_or(TokenError::NoId)?;
        let token_type = match payload.remove("token_type") {
            None => return Err(TokenError::NoType),
            Some(found) => [TokenKind::Access, TokenKind::Refresh]
                .map(TokenKind::as_str)
                .into_iter()
                .find(|known| found == *known)
                .unwrap_or(OTHER_TYPE),
        };
        if kind.is_some_and(|kind| kind.as_str() != token_type) {
            return Err(TokenError::WrongType);
        }
        payload.remove("exp");
        payload.remove("iat");
        Ok(Self {
            token_type,
            exp,
            iat: times.iat,
            jti,
            user_id: payload.remove("user_id").map(user_id),
            sid: take_text(&mut own, "sid")?.map(WorkosSid::from),
            ver: match own.remove("ver") {
                None => None,
                Some(ver) => Some(ver.as_i64().ok_or(TokenError::Invalid)?),
            },
            act: match own.remove("act") {
                None => None,
                Some(act) => Some(serde_json::from_value(act).map_err(|_| TokenError::Invalid)?),
            },
            aud: None,
            iss: None,
            binding: None,
            other: payload,
        })
    }

    /// The account that the token names; `None` if there is none.
    pub fn user(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        match &self.user_id {
            Some(id) => User::by_key(conn, &UserKey::parse(id)),
            None => Ok(None),
        }
    }

    /// Whether it is the token of an impersonation that began too long ago. simplejwt may have exchanged our
    /// token for one with a longer life, or without `iat`.
    pub(super) fn has_outlived_impersonation(&self, now: Timestamp) -> bool {
        let began = self.iat.and_then(Timestamp::from_seconds);
        let is_over = began.is_none_or(|began| began.plus(LONGEST_IMPERSONATION) <= now);
        self.act.is_some() && is_over
    }

    /// Whether it is a refresh token.
    pub(super) fn is_refresh(&self) -> bool {
        self.token_type == TokenKind::Refresh.as_str()
    }

    /// Whether the token names a user. As in simplejwt, an empty claim names none.
    pub(super) fn names_user(&self) -> bool {
        self.user_id
            .as_deref()
            .is_some_and(|id| !matches!(id, "" | "null"))
    }
}

/// A whole number of seconds, from any value that Python's `int()` accepts.
fn seconds(claim: Option<&Value>) -> Result<Option<i64>, TokenError> {
    let seconds = match claim {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().map(truncate)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(value)) => Some(i64::from(*value)),
        Some(_) => None,
    };
    seconds.map(Some).ok_or(TokenError::Invalid)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a number that is too large becomes the largest i64, which is not a valid time either"
)]
fn truncate(number: f64) -> i64 {
    number.trunc() as i64
}

/// A text that fits into a column of either database.
fn take_text(payload: &mut Map<String, Value>, name: &str) -> Result<Option<String>, TokenError> {
    match payload.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_ID_LEN && !text.contains('\0') => {
            Ok(Some(text))
        }
        Some(_) => Err(TokenError::Invalid),
    }
}

/// The claim is a string. Older versions of simplejwt wrote a number. Any other value matches no user.
fn user_id(claim: Value) -> String {
    match claim {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
