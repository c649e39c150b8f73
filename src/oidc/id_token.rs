//! Verifies ID tokens (OpenID Connect Core 1.0, sections 2 and 3.1.3.7).

use jsonwebtoken::{DecodingKey, Header, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::OidcError;
use super::email::EmailClaims;
use crate::clock::Timestamp;

/// The tolerated clock difference in seconds, for times that are in the future.
const MAX_CLOCK_SKEW: i64 = 60;
/// The maximum length of a subject (OpenID Connect Core, 2).
const MAX_SUBJECT_LENGTH: usize = 255;

/// The claims that are used here.
#[derive(Debug, Deserialize)]
pub(super) struct IdToken {
    iss: String,
    pub(super) sub: String,
    aud: Value,
    azp: Option<String>,
    #[serde(deserialize_with = "seconds")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<i64>,
    nonce: Option<String>,
    #[serde(flatten)]
    pub(super) email: EmailClaims,
}

/// The values that a token must contain.
pub(super) struct ExpectedClaims<'a> {
    /// The spellings of the issuer.
    pub(super) issuers: &'a [&'a str],
    pub(super) client_id: &'a str,
    /// The nonce of the sign-in, if the client used one.
    pub(super) nonce: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// Reads the token's header.
pub(super) fn read_header(token: &str) -> Result<Header, OidcError> {
    let header = jsonwebtoken::decode_header(token)
        .map_err(|error| OidcError::id_token(format!("its header cannot be read: {error}")))?;
    // RFC 7515, 4.1.11: critical extensions must be understood, and we understand none.
    if header.crit.is_some() {
        return Err(OidcError::id_token("it has critical extensions"));
    }
    Ok(header)
}

/// Verifies the signature and returns the claims. They still have to be checked.
pub(super) fn verify_signature(
    token: &str,
    header: &Header,
    key: &DecodingKey,
) -> Result<IdToken, OidcError> {
    let mut rules = Validation::new(header.alg);
    // `IdToken::check` checks times, issuer and audience, with our clock.
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    jsonwebtoken::decode(token, key, &rules)
        .map(|data| data.claims)
        .map_err(|error| OidcError::id_token(error.to_string()))
}

impl IdToken {
    pub(super) fn check(&self, expected: &ExpectedClaims<'_>) -> Result<(), OidcError> {
        let now = expected.now.seconds();
        let subject_length = (1..=MAX_SUBJECT_LENGTH).contains(&self.sub.len());
        let nonce = expected
            .nonce
            .is_none_or(|sent| self.nonce.as_deref() == Some(sent));
        let in_future = |time: Option<i64>| time.is_some_and(|time| time > now + MAX_CLOCK_SKEW);
        let checks = [
            (
                expected.issuers.contains(&self.iss.trim_end_matches('/')),
                "iss",
            ),
            (self.is_for(expected.client_id), "aud or azp"),
            (self.exp.is_some_and(|exp| exp > now), "exp"),
            (!in_future(self.iat), "iat"),
            (!in_future(self.nbf), "nbf"),
            (nonce, "nonce"),
            (
                subject_length && !self.sub.contains(char::is_control),
                "sub",
            ),
        ];
        match checks.into_iter().find(|(valid, _)| !valid) {
            Some((_, claim)) => Err(OidcError::id_token(format!("the claim {claim} is wrong"))),
            None => Ok(()),
        }
    }

    /// Whether the token is meant for this client. If it has several audiences, `azp` must name
    /// this client.
    fn is_for(&self, client_id: &str) -> bool {
        let (included, only) = match &self.aud {
            Value::String(one) => (one == client_id, true),
            Value::Array(many) => {
                let included = many.iter().any(|one| one.as_str() == Some(client_id));
                (included, many.len() == 1)
            }
            _ => (false, false),
        };
        let authorized = match self.azp.as_deref() {
            Some(azp) => azp == client_id,
            None => only,
        };
        included && authorized
    }
}

/// A NumericDate, which may have a fraction (RFC 7519, 2); `None` for any other value.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000_000;

    /// Whether a token is accepted with these changes to valid claims; null removes a claim.
    fn is_accepted(changes: &Value, nonce: Option<&str>) -> bool {
        let mut claims = json!({
            "iss": "https://p.example",
            "sub": "1",
            "aud": "us",
            "exp": NOW + 1,
            "iat": NOW,
            "nonce": "n",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let expected = ExpectedClaims {
            issuers: &["https://p.example", "p.example"],
            client_id: "us",
            nonce,
            now: Timestamp::from_seconds(NOW).unwrap(),
        };
        serde_json::from_value::<IdToken>(claims).is_ok_and(|token| token.check(&expected).is_ok())
    }

    #[test]
    fn a_valid_token_is_accepted() {
        assert!(is_accepted(&json!({}), Some("n")));
        assert!(is_accepted(
            &json!({ "iss": "p.example", "aud": ["us"], "azp": "us" }),
            None
        ));
        assert!(is_accepted(
            &json!({ "aud": ["us", "others"], "azp": "us" }),
            None
        ));
        assert!(is_accepted(
            &json!({ "iat": NOW + 60, "nbf": NOW + 60, "exp": NOW as f64 + 1.5 }),
            None
        ));
        assert!(is_accepted(&json!({ "iat": null, "nonce": null }), None));
    }

    #[test]
    fn a_token_with_a_wrong_claim_is_refused() {
        for wrong in [
            json!({ "iss": "https://q.example" }),
            json!({ "iss": null }),
            json!({ "aud": "others" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "aud": { "us": 1 } }),
            json!({ "aud": ["us", "others"] }),
            json!({ "aud": ["us", "others"], "azp": "others" }),
            json!({ "azp": "others" }),
            json!({ "exp": NOW }),
            json!({ "exp": null }),
            json!({ "exp": "later" }),
            json!({ "iat": NOW + 61 }),
            json!({ "nbf": NOW + 61 }),
            json!({ "sub": "" }),
            json!({ "sub": "a\u{0}" }),
            json!({ "sub": "a".repeat(256) }),
            json!({ "sub": 7 }),
        ] {
            assert!(!is_accepted(&wrong, Some("n")), "{wrong}");
        }
    }

    #[test]
    fn a_nonce_that_was_sent_must_be_in_the_token() {
        for nonce in [json!("other"), json!(null), json!("")] {
            assert!(!is_accepted(&json!({ "nonce": nonce }), Some("n")));
        }
        assert!(is_accepted(&json!({ "nonce": "other" }), None));
    }
}
