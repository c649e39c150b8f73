//! A response without the values that differ in every response.

use serde_json::{Value, json};

use crate::support::api::ApiResponse;
use crate::support::tokens::token_part;

/// The fields of the current user that the view of the Django project does not have.
const OF_VESTIBULE_ONLY: [&str; 13] = [
    "email_verified",
    "picture_url",
    "organization_id",
    "organization_name",
    "roles",
    "permissions",
    "entitlements",
    "feature_flags",
    "claims",
    "impersonator",
    "is_staff",
    "is_superuser",
    "groups",
];

/// The status, the headers that clients read, and the body, its tokens opened.
pub(super) fn normal(reply: &ApiResponse) -> Value {
    let header = |name| reply.header(name);
    let body = match serde_json::from_str(&reply.body) {
        Ok(body) => open(body),
        // An HTML page of Django.
        Err(_) => Value::Null,
    };
    json!({
        "status": reply.status.as_u16(),
        "www-authenticate": header("www-authenticate"),
        // Django sends it in other responses too.
        "allow": header("allow").filter(|_| reply.status == 405),
        "body": body,
    })
}

fn open(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("eyJ") && text.matches('.').count() == 2 => {
            json!([token_part(&text, 0), claims(token_part(&text, 1))])
        }
        // The messages of the JSON parsers differ.
        Value::String(text) if text.starts_with("JSON parse error - ") => {
            json!("JSON parse error - ")
        }
        Value::Object(fields) => fields
            .into_iter()
            // Only vestibule's `/api/users/me` says whether the address is verified, and names groups.
            .filter(|(name, _)| !OF_VESTIBULE_ONLY.contains(&name.as_str()))
            .map(|(name, value)| (name, open(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(open).collect(),
        other => other,
    }
}

/// The claims with the id and the times replaced by their form. Only vestibule writes `ver` and
/// `vestibule`, which Django copies.
fn claims(mut claims: Value) -> Value {
    let jti = claims["jti"].as_str().expect("a text");
    let hexadecimal = jti
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lifetime =
        claims["exp"].as_i64().expect("a number") - claims["iat"].as_i64().expect("a number");
    claims["jti"] = json!([jti.len(), hexadecimal]);
    // Django reads its clock for each of the two times, and on a busy machine seconds may pass between the
    // readings.
    claims["exp"] = json!((lifetime + 30) / 60 * 60);
    claims["iat"] = json!("now");
    let fields = claims.as_object_mut().expect("an object");
    fields.remove("ver");
    fields.remove("vestibule");
    claims
}
