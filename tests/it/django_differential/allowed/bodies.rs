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
            let is_log_out = facts.path() == "/api/auth/logout" && facts.theirs().status == 200;
            let is_refused = matches!(facts.theirs().status, 400 | 401);
            huge && is_parse_error(facts.ours()) && (is_refused || is_log_out)
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
        name: "broken form",
        reason: "what precedes the boundary of a multipart form is no part (RFC 2046, section 5.1.1), nor is anything with other ends of lines; Django takes some of it for parts",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let is_form = facts
                .exchange
                .request
                .value("Content-Type")
                .starts_with(b"multipart/");
            is_form
                && (!begins_with_its_boundary(facts) || has_other_line_ends(facts))
                && (matches!(facts.theirs().status, 400 | 401) && lacks_a_field(facts)
                    || is_log_out_without_fields(facts))
        },
    },
    Rule {
        name: "large body",
        reason: "a body has at most 64 KiB; Django allows 2.5 MiB",
        fields: ANOTHER_STATUS,
        applies: |facts| {
            let body = facts.exchange.request.body.as_deref().unwrap_or_default();
            body.len() > 64 * 1024
                && has_read_body(facts)
                && facts.ours().is(413, &detail("Request body too large."))
        },
    },
    Rule {
        name: "many fields",
        reason: "the same limit of 1,000 fields; Django's error is a page",
        fields: &["body", "content-type"],
        applies: |facts| {
            let body = facts.exchange.request.body.as_deref().unwrap_or_default();
            let fields = body.iter().filter(|byte| **byte == b'&').count() + 1;
            let refusal = detail("The number of GET/POST parameters exceeded 1000.");
            fields > 1_000 && facts.theirs().status == 400 && facts.ours().is(400, &refusal)
        },
    },
    Rule {
        name: "file that breaks off",
        reason: "Django forgets a file without an end; vestibule says that the field is no text",
        fields: &["body", "status"],
        applies: |facts| {
            let (theirs, ours) = (facts.theirs().get("body"), facts.ours().get("body"));
            let says_missing = theirs.contains("This field is required.")
                && theirs.replace("This field is required.", "Not a valid string.")
                    == ours.replace("This field is required.", "Not a valid string.");
            // The log-out needs no field.
            let is_log_out = facts.path() == "/api/auth/logout"
                && facts
                    .ours()
                    .is(400, &json!({ "refresh": ["Not a valid string."] }));
            facts.exchange.request.contains("filename=")
                && (facts.statuses() == (400, 400) && says_missing
                    || facts.statuses() == (200, 400) && is_log_out)
        },
    },
];

/// Whether Django has read the body: the route answers in JSON with success, or refuses the content of the body.
fn has_read_body(facts: &Facts<'_>) -> bool {
    let theirs = facts.theirs();
    matches!(theirs.status, 200 | 400 | 401) && theirs.get("content-type") == "application/json"
}

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

/// Whether a line ends with something else than `\r\n`.
fn has_other_line_ends(facts: &Facts<'_>) -> bool {
    let body = facts.exchange.request.body.as_deref().unwrap_or_default();
    let ends = body.windows(2).filter(|pair| *pair == b"\r\n").count();
    let count = |byte: u8| body.iter().filter(|other| **other == byte).count();
    count(b'\r') != ends || count(b'\n') != ends
}

/// Whether vestibule logs out, which needs no field, and Django takes the content of a part for its headers.
fn is_log_out_without_fields(facts: &Facts<'_>) -> bool {
    let error = "Multipart form parse error - Request max total header size exceeded.";
    facts.path() == "/api/auth/logout"
        && facts.theirs().is(400, &detail(error))
        && facts.ours().status == 200
        && facts.ours().json()["message"] == "Successfully logged out"
}

/// Whether vestibule's answer says that a field is missing.
fn lacks_a_field(facts: &Facts<'_>) -> bool {
    let body = facts.ours().json();
    let missing = json!(["This field is required."]);
    let fields = body.as_object();
    facts.ours().status == 400
        && fields.is_some_and(|fields| fields.values().any(|one| *one == missing))
}
