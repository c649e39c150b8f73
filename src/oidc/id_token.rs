//! The ID token (OpenID Connect Core 1.0, 2), checked as section 3.1.3.7 wants it.

use jsonwebtoken::{DecodingKey, Header, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::OidcError;
use super::email::EmailClaims;
use crate::clock::Timestamp;

/// Clocks differ: a token may seem to come from the future by so many seconds.
const SKEW: i64 = 60;
/// OpenID Connect Core, 2: a subject is at most 255 ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// What of it is used here.
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

/// What a token must say.
pub(super) struct ExpectedClaims<'a> {
    /// The provider, and what else it may call itself.
    pub(super) issuers: &'a [&'a str],
    pub(super) client_id: &'a str,
    /// What the sign-in was begun with, where the client told.
    pub(super) nonce: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// The header of a token that is signed as a provider signs.
pub(super) fn header(token: &str) -> Result<Header, OidcError> {
    let header = jsonwebtoken::decode_header(token)
        .map_err(|error| OidcError::id_token(format!("its header cannot be read: {error}")))?;
    // RFC 7515, 4.1.11: what must be understood, and is not.
    if header.crit.is_some() {
        return Err(OidcError::id_token("it has critical extensions"));
    }
    Ok(header)
}

/// What the token says, if `key` signed it.
pub(super) fn open(token: &str, header: &Header, key: &DecodingKey) -> Result<IdToken, OidcError> {
    let mut rules = Validation::new(header.alg);
    // Times, issuer and audience are checked with our clock and our words.
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
        let subject = (1..=LONGEST_SUBJECT).contains(&self.sub.len());
        let nonce = expected
            .nonce
            .is_none_or(|sent| self.nonce.as_deref() == Some(sent));
        let in_future = |moment: Option<i64>| moment.is_some_and(|moment| moment > now + SKEW);
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
            (subject && !self.sub.contains(char::is_control), "sub"),
        ];
        match checks.into_iter().find(|(right, _)| !right) {
            Some((_, claim)) => Err(OidcError::id_token(format!("{claim} is not right"))),
            None => Ok(()),
        }
    }

    /// Whether it is meant for us; for others too only where it was made out to us (`azp`).
    fn is_for(&self, client_id: &str) -> bool {
        let (ours, alone) = match &self.aud {
            Value::String(one) => (one == client_id, true),
            Value::Array(many) => {
                let ours = many.iter().any(|one| one.as_str() == Some(client_id));
                (ours, many.len() == 1)
            }
            _ => (false, false),
        };
        let made_out = match self.azp.as_deref() {
            Some(azp) => azp == client_id,
            None => alone,
        };
        ours && made_out
    }
}

/// A NumericDate, which may have a fraction (RFC 7519, 2); anything else is none.
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

    /// Whether a token passes with these claims in place of the right ones; null removes one.
    fn passes(changes: &Value, nonce: Option<&str>) -> bool {
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
    fn a_right_token_passes() {
        assert!(passes(&json!({}), Some("n")));
        assert!(passes(
            &json!({ "iss": "p.example", "aud": ["us"], "azp": "us" }),
            None
        ));
        assert!(passes(
            &json!({ "aud": ["us", "others"], "azp": "us" }),
            None
        ));
        assert!(passes(
            &json!({ "iat": NOW + 60, "nbf": NOW + 60, "exp": NOW as f64 + 1.5 }),
            None
        ));
        assert!(passes(&json!({ "iat": null, "nonce": null }), None));
    }

    #[test]
    fn every_wrong_claim_is_refused() {
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
            assert!(!passes(&wrong, Some("n")), "{wrong}");
        }
    }

    #[test]
    fn a_nonce_that_was_sent_must_come_back() {
        for nonce in [json!("other"), json!(null), json!("")] {
            assert!(!passes(&json!({ "nonce": nonce }), Some("n")));
        }
        assert!(passes(&json!({ "nonce": "other" }), None));
    }
}
