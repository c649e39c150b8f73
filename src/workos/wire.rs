//! What WorkOS sends, after its OpenAPI description. Unknown fields are ignored: its API grows.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A completed authentication.
#[derive(Debug)]
pub struct Authentication {
    /// Who it is.
    pub user: WorkosUser,
    /// The session at WorkOS, from the access token.
    pub sid: Option<String>,
    /// The role in the organisation, from the access token.
    pub role: Option<String>,
    /// When the access token expires; until then WorkOS has vouched for the session.
    pub access_token_expires_at: Option<DateTime<Utc>>,
    /// Where `sid`, `role` and its own end were read; see [`WorkosClient::verify`](super::WorkosClient::verify).
    pub access_token: SecretString,
    /// Continues the session at WorkOS; used once.
    pub refresh_token: SecretString,
    /// The organisation that was signed in to.
    pub organization_id: Option<String>,
    /// How: an open set, such as `Password` or `GoogleOAuth`.
    pub authentication_method: Option<String>,
    /// Who is acting as the user.
    pub impersonator: Option<WorkosImpersonator>,
}

/// The answer of `POST /user_management/authenticate`.
#[derive(Deserialize)]
pub(super) struct AuthenticateResponse {
    pub(super) user: WorkosUser,
    pub(super) access_token: SecretString,
    pub(super) refresh_token: SecretString,
    pub(super) organization_id: Option<String>,
    pub(super) authentication_method: Option<String>,
    pub(super) impersonator: Option<WorkosImpersonator>,
}

/// A user at WorkOS.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkosUser {
    /// `user_…`.
    pub id: String,
    /// As the person writes it.
    pub email: String,
    /// Whether WorkOS has seen that the address is theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// May be unknown.
    pub first_name: Option<String>,
    /// May be unknown.
    pub last_name: Option<String>,
    /// May be absent.
    pub profile_picture_url: Option<String>,
    /// When any of this last changed.
    pub updated_at: DateTime<Utc>,
}

/// Somebody who acts as the user, through WorkOS's dashboard.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkosImpersonator {
    /// Whose action it is.
    pub email: String,
    /// What they gave as their reason.
    pub reason: Option<String>,
}

/// The claims of an access token that are used here.
///
/// What is optional is read leniently: a template of the team's own may give a claim another type,
/// and by then the code is used up.
#[derive(Debug, Deserialize)]
pub(super) struct AccessTokenClaims {
    pub(super) sub: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) role: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) org_id: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) exp: Option<i64>,
}

/// A text without control characters, which PostgreSQL would not store; anything else is none.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value
        .as_str()
        .filter(|text| !text.contains(char::is_control))
        .map(str::to_owned))
}

/// A JWT's NumericDate, which may have a fraction (RFC 7519, 2).
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(from)?;
    // A float beyond the range becomes the range's end, and then no moment of the calendar.
    Ok(value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64)))
}

/// The three shapes of an error: `{code, message}`, `{error, error_description}`, `{message}`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WorkosErrorBody {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_another_type_are_passed_over() {
        let claims = r#"{"sub":"user_1","sid":"s","role":["admin"],"org_id":null,"exp":1.9e9}"#;
        let claims: AccessTokenClaims = serde_json::from_str(claims).unwrap();
        assert_eq!(claims.sid.as_deref(), Some("s"));
        assert_eq!((claims.role, claims.org_id), (None, None));
        assert_eq!(claims.exp, Some(1_900_000_000));
        let claims = r#"{"sub":"user_1","sid":"s\u0000"}"#;
        assert_eq!(
            serde_json::from_str::<AccessTokenClaims>(claims)
                .unwrap()
                .sid,
            None
        );
    }
}
