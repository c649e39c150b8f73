//! What WorkOS says of a session besides its user, organisation and role: what applications authorise by.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The claims of WorkOS's access token and the fields of its answer that applications get. The row of a session
/// stores them as JSON; a field that a version does not know is ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkosFacts {
    /// All roles of the user in the organisation.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub roles: Vec<String>,
    /// The permissions of the roles.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub permissions: Vec<String>,
    /// The entitlements of the organisation.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub entitlements: Vec<String>,
    /// The feature flags that are on for the user or the organisation.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub feature_flags: Vec<String>,
    /// The claims that `WORKOS_CLAIMS` names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// The user's id in the application, as the application told WorkOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The user's metadata, as the application told WorkOS.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The user's language, such as `en-GB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl WorkosFacts {
    /// Reads the claims of an access token: the lists, and those that `wanted` names.
    pub fn from_claims(claims: &Map<String, Value>, wanted: &[String]) -> Self {
        let list = |name| claims.get(name).map(texts_in).unwrap_or_default();
        let own = |name: &String| Some((name.clone(), claims.get(name)?.clone()));
        Self {
            roles: list("roles"),
            permissions: list("permissions"),
            entitlements: list("entitlements"),
            feature_flags: list("feature_flags"),
            claims: wanted.iter().filter_map(own).collect(),
            ..Self::default()
        }
    }

    /// The JSON for the session's row.
    pub fn to_json(&self) -> String {
        // Texts, lists and maps with texts as keys can be serialised.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON of a session's row. What cannot be read grants nothing.
    pub fn from_json(json: Option<&str>) -> Self {
        let read = json.map(serde_json::from_str).transpose();
        read.unwrap_or_else(|error| {
            log::error!("the facts of a session cannot be read and count as none: {error}");
            None
        })
        .unwrap_or_default()
    }
}

/// The strings of an array; nothing for any other value, which a JWT template may have put there.
fn texts_in(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    let texts = items.filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(texts_in(&Value::deserialize(from)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_lists_and_the_wanted_claims_are_read() {
        let claims = claims(json!({
            "roles": ["admin", "member"],
            "permissions": ["posts:read"],
            "entitlements": ["audit-log"],
            "feature_flags": ["beta"],
            "plan": {"name": "team"},
            "urn:app:seats": 3,
            "other": "not wanted",
        }));
        let wanted = ["plan", "urn:app:seats", "missing"].map(str::to_owned);
        let facts = WorkosFacts::from_claims(&claims, &wanted);
        assert_eq!(facts.roles, ["admin", "member"]);
        assert_eq!(facts.permissions, ["posts:read"]);
        assert_eq!(facts.entitlements, ["audit-log"]);
        assert_eq!(facts.feature_flags, ["beta"]);
        let expected = json!({"plan": {"name": "team"}, "urn:app:seats": 3});
        assert_eq!(Value::from(facts.claims), expected);
    }

    #[test]
    fn a_list_of_another_type_grants_nothing() {
        let claims = claims(
            json!({"roles": "admin", "permissions": {"a": true}, "entitlements": [1, "x", null]}),
        );
        let facts = WorkosFacts::from_claims(&claims, &[]);
        assert!(facts.roles.is_empty() && facts.permissions.is_empty());
        assert_eq!(facts.entitlements, ["x"]);
    }

    #[test]
    fn a_row_gives_back_what_was_stored() {
        let facts = WorkosFacts {
            permissions: vec!["a\u{0}b".to_owned(), "\u{e9}".to_owned()],
            locale: Some("en-GB".to_owned()),
            ..WorkosFacts::default()
        };
        let json = facts.to_json();
        assert!(!json.contains('\0'), "PostgreSQL stores no NUL: {json}");
        assert_eq!(WorkosFacts::from_json(Some(&json)), facts);
        let none = WorkosFacts::default();
        assert_eq!(WorkosFacts::from_json(None), none);
        assert_eq!(WorkosFacts::from_json(Some("{")), none);
        let newer = r#"{"roles":["a"],"permissions":7,"later":1}"#;
        assert_eq!(WorkosFacts::from_json(Some(newer)).roles, ["a"]);
    }
}
