//! Whose word counts for an e-mail address.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What a provider says of an address, in the ID token or at its userinfo endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EmailClaims {
    #[serde(default, deserialize_with = "text")]
    pub(super) email: Option<String>,
    /// `None`: not a word on it.
    #[serde(default, deserialize_with = "flag")]
    pub(super) email_verified: Option<bool>,
    /// The Google Workspace domain that the account belongs to.
    #[serde(default, deserialize_with = "text")]
    pub(super) hd: Option<String>,
}

/// How a provider deviates from the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderRules {
    /// Google: it vouches for the addresses that it hosts alone, and calls itself by two names.
    Google,
    /// As the standard has it, such as Okta.
    Standard,
}

impl EmailClaims {
    /// Whether an address was told, and whether it is verified.
    pub(super) fn is_complete(&self) -> bool {
        self.email.is_some() && self.email_verified.is_some()
    }

    /// The address, where the provider's word for it counts.
    pub(super) fn trusted(&self, rules: ProviderRules) -> Option<&str> {
        let email = self.email.as_deref()?.trim();
        let verified = self.email_verified == Some(true);
        let authoritative = match rules {
            ProviderRules::Standard => true,
            // An address elsewhere was verified once, and may be somebody else's by now.
            ProviderRules::Google => {
                is_gmail(email) || self.hd.as_ref().is_some_and(|hd| !hd.is_empty())
            }
        };
        (verified && authoritative).then_some(email)
    }
}

fn is_gmail(email: &str) -> bool {
    let domain = email.rsplit_once('@').map(|(_, domain)| domain);
    domain.is_some_and(|domain| domain.eq_ignore_ascii_case("gmail.com"))
}

/// A text; anything else is none.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A truth, which some providers write as a text; anything else is an untruth.
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) => Some(text == "true"),
        Value::Null => None,
        _ => Some(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trusts(rules: ProviderRules, claims: Value) -> bool {
        let claims: EmailClaims = serde_json::from_value(claims).unwrap();
        claims.trusted(rules).is_some()
    }

    #[test]
    fn only_what_is_verified_counts() {
        for (verified, counts) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("TRUE "), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let claims = json!({ "email": "ada@gmail.com", "email_verified": verified });
            assert_eq!(
                trusts(ProviderRules::Standard, claims.clone()),
                counts,
                "{verified}"
            );
            assert_eq!(trusts(ProviderRules::Google, claims), counts, "{verified}");
        }
        assert!(!trusts(
            ProviderRules::Standard,
            json!({ "email": "ada@gmail.com" })
        ));
        assert!(!trusts(
            ProviderRules::Standard,
            json!({ "email_verified": true })
        ));
    }

    #[test]
    fn google_counts_for_what_it_hosts() {
        let google = |email: &str, hd: Value| {
            let claims = json!({ "email": email, "email_verified": true, "hd": hd });
            trusts(ProviderRules::Google, claims)
        };
        assert!(google("ada@Gmail.com", json!(null)));
        assert!(google("ada@example.com", json!("example.com")));
        for email in [
            "ada@example.com",
            "ada@gmail.com.example",
            "gmail.com",
            "ada@notgmail.com",
        ] {
            assert!(!google(email, json!(null)), "{email}");
            assert!(!google(email, json!("")), "{email}");
        }
    }
}
