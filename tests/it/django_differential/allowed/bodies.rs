//! Differences in how bodies are read.

use serde_json::{Value, json};

use super::account::sent_account;
use super::{ANOTHER_STATUS, Facts, Rule, detail, is_parse_error};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "email in any case",
        reason: "addresses are compared without case, which users of Django complain about",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let refusal = detail("No active account found with the given credentials");
            let Some(account) = sent_account(facts) else {
                return false;
            };
            let id = Value::from(account.id.to_string());
            let ours = facts.ours();
            let is_theirs = |token| ours.claims(token)["user_id"] == id;
            facts.path() == "/api/token"
                && facts.theirs().is(401, &refusal)
                && ours.status == 200
                && is_theirs("access")
                && is_theirs("refresh")
        },
    },
    Rule {
        name: "surrogates",
        reason: "half a surrogate pair is no text in Rust: the error of the parser instead of the field",
        fields: &["body"],
        applies: |facts| {
            let request = &facts.exchange.request;
            let half = request.contains("\\ud800") || request.contains("\\udc00");
            half && is_parse_error(facts.ours()) && facts.theirs().status == 400
        },
    },
    Rule {
        name: "huge numbers",
        reason: "a number beyond the range of a double is an error of the parser; Python reads infinity",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let request = &facts.exchange.request;
            let huge = request.contains("1E400") || request.contains("1e999");
            huge && is_parse_error(facts.ours()) && matches!(facts.theirs().status, 400 | 401)
        },
    },
    Rule {
        name: "wildcards as a media type",
        reason: "`*/*` is no type of a body (RFC 9110, section 8.3); Django takes it for JSON",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let kind = facts.exchange.request.value("Content-Type");
            let text = String::from_utf8_lossy(kind);
            let refusal = format!("Unsupported media type \"{text}\" in request.");
            (kind == b"*/*" || kind == b"application/*") && facts.ours().is(415, &detail(&refusal))
        },
    },
    Rule {
        name: "no media type",
        reason: "Django's development server invents text/plain; others leave the type empty, as vestibule does",
        fields: &["body"],
        applies: |facts| {
            let refusal =
                |kind: &str| detail(&format!("Unsupported media type \"{kind}\" in request."));
            facts.exchange.request.value("Content-Type").is_empty()
                && facts.theirs().is(415, &refusal("text/plain"))
                && facts.ours().is(415, &refusal(""))
        },
    },
    Rule {
        name: "form without its boundary",
        reason: "what precedes the boundary of a multipart form is no part (RFC 2046, section 5.1.1); Django takes it for one",
        fields: ANOTHER_STATUS,
        applies: |facts| !begins_with_its_boundary(facts) && lacks_fields(facts),
    },
    Rule {
        name: "file that breaks off",
        reason: "Django forgets a file without an end; vestibule says that the field is no text",
        fields: &["body"],
        applies: |facts| {
            let (theirs, ours) = (facts.theirs().get("body"), facts.ours().get("body"));
            facts.exchange.request.contains("filename=")
                && facts.statuses() == (400, 400)
                && theirs.contains("This field is required.")
                && theirs.replace("This field is required.", "Not a valid string.")
                    == ours.replace("This field is required.", "Not a valid string.")
        },
    },
];

/// Whether the body is no multipart form, or begins with the boundary that its type names.
fn begins_with_its_boundary(facts: &Facts<'_>) -> bool {
    let request = &facts.exchange.request;
    let kind = String::from_utf8_lossy(request.value("Content-Type"));
    let Some((_, rest)) = kind.split_once("boundary=") else {
        return true;
    };
    let boundary = rest.split(';').next().unwrap_or_default();
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let body = request.body.as_deref().unwrap_or_default();
    body.starts_with(boundary.as_bytes())
}

/// Whether vestibule's answer says of each field that it names that it is missing.
fn lacks_fields(facts: &Facts<'_>) -> bool {
    let body = facts.ours().json();
    let missing = json!(["This field is required."]);
    let fields = body.as_object();
    facts.ours().status == 400
        && fields
            .is_some_and(|fields| !fields.is_empty() && fields.values().all(|one| *one == missing))
}
