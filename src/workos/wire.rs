//! The shapes of WorkOS's responses, after its OpenAPI description. Unknown fields are ignored,
//! since the API grows.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::WorkosError;

use crate::authentication_method::AuthenticationMethod;
use crate::ids::{OrganizationId, WorkosSid};
use crate::workos_facts::WorkosFacts;

/// The longest name of an authentication method that is read; those of RFC 8176 have five characters.
const MAX_METHOD: usize = 32;
/// The most authentication methods that are read.
const MAX_METHODS: usize = 8;

/// A completed authentication.
#[derive(Debug)]
pub struct Authentication {
    /// The user.
    pub user: WorkosUser,
    /// The id of the session at WorkOS, from the access token.
    pub sid: Option<WorkosSid>,
    /// The role in the organisation, from the access token.
    pub role: Option<String>,
    /// When the access token expires. Until then the session needs no renewal.
    pub access_token_expires_at: Option<DateTime<Utc>>,
    /// The issuer of the access token.
    pub issuer: Option<String>,
    /// The access token. Its signature is not verified yet; see
    /// [`WorkosClient::verify`](super::WorkosClient::verify).
    pub access_token: SecretString,
    /// Renews the session at WorkOS. It can be used once.
    pub refresh_token: SecretString,
    /// The organisation that the user signed in to.
    pub organization_id: Option<OrganizationId>,
    /// The method, such as `Password` or `GoogleOAuth`. WorkOS adds new ones.
    pub authentication_method: Option<AuthenticationMethod>,
    /// The person who acts as the user, if somebody does.
    pub impersonator: Option<WorkosImpersonator>,
    /// When the user last entered credentials, from the access token.
    pub auth_time: Option<DateTime<Utc>>,
    /// The authentication methods (RFC 8176) that the access token names.
    pub amr: Vec<String>,
    /// What else WorkOS says of the session, from the access token and of the user.
    pub facts: WorkosFacts,
}

/// The response of `POST /user_management/authenticate`.
#[derive(Deserialize)]
pub(super) struct AuthenticateResponse {
    pub(super) user: WorkosUser,
    pub(super) access_token: SecretString,
    pub(super) refresh_token: SecretString,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) authentication_method: Option<AuthenticationMethod>,
    pub(super) impersonator: Option<WorkosImpersonator>,
}

impl AuthenticateResponse {
    /// Reads the access token's claims and checks that they are about this user. The token comes
    /// directly from WorkOS's token endpoint, so that TLS has authenticated it (OpenID Connect
    /// Core, 3.1.3.7). `wanted`: the claims of `WORKOS_CLAIMS`.
    pub(super) fn into_authentication(
        self,
        wanted: &[String],
    ) -> Result<Authentication, WorkosError> {
        let claims: AccessTokenClaims =
            jsonwebtoken::dangerous::insecure_decode_claims(self.access_token.expose_secret())
                .map_err(|error| {
                    WorkosError::unavailable(format!("its access token cannot be read: {error}"))
                })?;
        if claims.sub != self.user.id {
            return Err(WorkosError::unavailable(
                "its access token is about another user",
            ));
        }
        let facts = WorkosFacts {
            external_id: self.user.external_id.clone(),
            metadata: self.user.metadata.clone(),
            locale: self.user.locale.clone(),
            ..WorkosFacts::from_claims(&claims.others, wanted)
        };
        Ok(Authentication {
            facts,
            sid: claims.sid.map(WorkosSid::from),
            issuer: claims.iss,
            role: claims.role,
            access_token_expires_at: claims.exp.and_then(|exp| DateTime::from_timestamp(exp, 0)),
            auth_time: claims
                .auth_time
                .and_then(|time| DateTime::from_timestamp(time, 0)),
            amr: claims.amr,
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            organization_id: self
                .organization_id
                .or(claims.org_id.map(OrganizationId::from)),
            authentication_method: self.authentication_method,
            impersonator: self.impersonator,
            user: self.user,
        })
    }
}

/// A user at WorkOS.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkosUser {
    /// `user_…`.
    pub id: String,
    /// The email as the user wrote it.
    pub email: String,
    /// Whether WorkOS has verified the email.
    #[serde(default)]
    pub email_verified: bool,
    /// The first name, if known.
    pub first_name: Option<String>,
    /// The last name, if known.
    pub last_name: Option<String>,
    /// The profile picture, if there is one.
    pub profile_picture_url: Option<String>,
    /// The user's id in the application, as the application told WorkOS.
    #[serde(default, deserialize_with = "text")]
    pub external_id: Option<String>,
    /// The user's metadata, as the application told WorkOS.
    #[serde(default, deserialize_with = "object")]
    pub metadata: Map<String, Value>,
    /// The user's language, such as `en-GB`.
    #[serde(default, deserialize_with = "text")]
    pub locale: Option<String>,
    /// When the user last changed.
    pub updated_at: DateTime<Utc>,
}

/// A person who acts as the user through WorkOS's dashboard.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkosImpersonator {
    /// The person's email.
    pub email: String,
    /// The reason that the person gave.
    pub reason: Option<String>,
}

/// The claims of an access token that are used here.
///
/// An optional claim of an unexpected type is read as absent. A JWT template may give a claim
/// another type, and failing here would waste a code that can be used only once.
#[derive(Debug, Deserialize)]
pub(super) struct AccessTokenClaims {
    pub(super) sub: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) iss: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) sid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) role: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) org_id: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) exp: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) auth_time: Option<i64>,
    #[serde(default, deserialize_with = "methods")]
    pub(super) amr: Vec<String>,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// A string without control characters, which PostgreSQL would refuse; `None` for any other value.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value
        .as_str()
        .filter(|text| !text.contains(char::is_control))
        .map(str::to_owned))
}

/// An object; empty for any other value.
fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    match Value::deserialize(from)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// A NumericDate, which may have a fraction (RFC 7519, 2); `None` for any other value.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(from)?;
    // A float beyond the range becomes the range's end, which is no valid date.
    Ok(value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64)))
}

/// The short words of an array; any other value is ignored.
fn methods<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(from)?;
    let words = value.as_array().into_iter().flatten();
    let words = words.filter_map(Value::as_str);
    let plain = words.filter(|word| word.len() <= MAX_METHOD && !word.contains(char::is_control));
    Ok(plain.take(MAX_METHODS).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_an_unexpected_type_are_ignored() {
        let claims = r#"{"sub":"user_1","sid":"s","role":["admin"],"org_id":null,"exp":1.9e9}"#;
        let claims: AccessTokenClaims = serde_json::from_str(claims).unwrap();
        assert_eq!(claims.sid.as_deref(), Some("s"));
        assert_eq!((claims.role, claims.org_id), (None, None));
        assert_eq!(claims.exp, Some(1_900_000_000));
        assert!(claims.auth_time.is_none() && claims.amr.is_empty());
        let claims = r#"{"sub":"user_1","auth_time":100,"amr":["pwd",7,"otp"]}"#;
        let claims: AccessTokenClaims = serde_json::from_str(claims).unwrap();
        assert_eq!(claims.auth_time, Some(100));
        assert_eq!(claims.amr, ["pwd", "otp"]);
        let claims = r#"{"sub":"user_1","sid":"s\u0000"}"#;
        assert_eq!(
            serde_json::from_str::<AccessTokenClaims>(claims)
                .unwrap()
                .sid,
            None
        );
    }
}
