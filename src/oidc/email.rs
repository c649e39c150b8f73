//! Decides whether an email address from a provider counts as verified.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The email claims of an ID token or of the userinfo endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EmailClaims {
    #[serde(default, deserialize_with = "text")]
    pub(super) email: Option<String>,
    /// `None` if the provider does not say.
    #[serde(default, deserialize_with = "flag")]
    pub(super) email_verified: Option<bool>,
    /// The Google Workspace domain that the account belongs to.
    #[serde(default, deserialize_with = "text")]
    pub(super) hd: Option<String>,
}

/// The rules by which a provider's tokens are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderRules {
    /// Google: only addresses that it hosts count as verified, and its issuer has two spellings.
    Google,
    /// The standard's rules, for Okta and others.
    Standard,
}

impl EmailClaims {
    /// Whether the claims contain an address and say whether it is verified.
    pub(super) fn is_complete(&self) -> bool {
        self.email.is_some() && self.email_verified.is_some()
    }

    /// The address, if it counts as verified.
    pub(super) fn verified_email(&self, rules: ProviderRules) -> Option<&str> {
        let email = self.email.as_deref()?.trim();
        let verified = self.email_verified == Some(true);
        let authoritative = match rules {
            ProviderRules::Standard => true,
            // Another host may have reassigned the address since Google verified it.
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

/// A string; `None` for any other value.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A boolean, which some providers send as a string; `false` for any other value.
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

    fn is_verified(rules: ProviderRules, claims: Value) -> bool {
        let claims: EmailClaims = serde_json::from_value(claims).unwrap();
        claims.verified_email(rules).is_some()
    }

    #[test]
    fn only_verified_emails_count() {
        for (verified, expected) in [
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
                is_verified(ProviderRules::Standard, claims.clone()),
                expected,
                "{verified}"
            );
            assert_eq!(
                is_verified(ProviderRules::Google, claims),
                expected,
                "{verified}"
            );
        }
        assert!(!is_verified(
            ProviderRules::Standard,
            json!({ "email": "ada@gmail.com" })
        ));
        assert!(!is_verified(
            ProviderRules::Standard,
            json!({ "email_verified": true })
        ));
    }

    #[test]
    fn google_verifies_only_emails_that_it_hosts() {
        let google = |email: &str, hd: Value| {
            let claims = json!({ "email": email, "email_verified": true, "hd": hd });
            is_verified(ProviderRules::Google, claims)
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
