use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::settings::LoginField;

fn complete_document() -> Value {
    serde_json::to_value(document(&operations(LoginField::Email), "Bearer")).unwrap()
}

#[test]
fn every_operation_has_a_unique_id_and_a_successful_response() {
    let operations = operations(LoginField::Email);
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), operations.len());
    for operation in &operations {
        let statuses: Vec<_> = operation.responses.iter().map(|one| one.status).collect();
        let mut unique = statuses.clone();
        unique.dedup();
        assert_eq!(statuses, unique, "{}", operation.id);
        assert_eq!(statuses[0], 200, "{}", operation.id);
        for status in [400, 405, 500] {
            assert!(statuses.contains(&status), "{} {status}", operation.id);
        }
        if operation.method == "POST" {
            for status in [403, 408, 413, 415, 503] {
                assert!(statuses.contains(&status), "{} {status}", operation.id);
            }
        }
    }
}

#[test]
fn every_json_response_has_an_example() {
    for operation in operations(LoginField::Email) {
        for response in &operation.responses {
            let html = response.body == BodyShape::Html;
            assert_eq!(
                response.examples.is_empty(),
                html,
                "{} {}",
                operation.id,
                response.status
            );
        }
    }
}

#[test]
fn every_status_has_its_headers() {
    for operation in operations(LoginField::Email) {
        for response in &operation.responses {
            let expected = match response.status {
                401 => Some(ResponseHeader::WwwAuthenticate),
                405 => Some(ResponseHeader::Allow),
                429 | 503 => Some(ResponseHeader::RetryAfter),
                _ => None,
            };
            let has = |header| response.headers.contains(&header);
            assert!(
                expected.is_none_or(has),
                "{} {}",
                operation.id,
                response.status
            );
        }
    }
}

#[test]
fn the_examples_of_a_bad_request_are_what_the_routes_send() {
    let document = complete_document();
    let examples = &document["paths"]["/api/token"]["post"]["responses"]["400"]["content"]["application/json"]
        ["examples"];
    let example = |name: &str| examples[name]["value"].clone();
    let both = |text: &str| json!({ "email": [text], "password": [text] });
    assert_eq!(example("missing"), both("This field is required."));
    assert_eq!(
        example("null")["email"],
        json!(["This field may not be null."])
    );
    assert_eq!(
        example("blank")["email"],
        json!(["This field may not be blank."])
    );
    assert_eq!(
        example("not_a_string")["email"],
        json!(["Not a valid string."])
    );
    assert_eq!(
        example("not_a_dictionary"),
        json!({ "non_field_errors": ["Invalid data. Expected a dictionary, but got list."] })
    );
    assert!(
        example("parse_error")["detail"]
            .as_str()
            .unwrap()
            .starts_with("JSON parse error - ")
    );
}

#[test]
fn the_workos_exchange_accepts_a_code_or_the_answer_to_a_step() {
    let document = complete_document();
    let body = &document["paths"]["/api/auth/workos/callback"]["post"]["requestBody"];
    assert_eq!(body["required"], true);
    let schema = &document["components"]["schemas"]["ExchangeWorkosCodeBody"]["anyOf"];
    let required: Vec<_> = schema.as_array().unwrap().iter().collect();
    let required: Vec<_> = required.iter().map(|one| &one["required"]).collect();
    let token = "pending_authentication_token";
    assert_eq!(
        required,
        [
            &json!(["code"]),
            &json!([token, "organization_id"]),
            &json!([token, "code"]),
            &json!([token, "code"]),
        ]
    );
    for kind in [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let examples = body["content"][kind]["examples"].as_object().unwrap();
        let names: Vec<_> = examples.keys().collect();
        assert_eq!(
            names,
            [
                "code",
                "email_verification_required",
                "mfa_challenge",
                "organization_selection_required"
            ],
            "the exchange of a code is among them"
        );
        assert_eq!(examples["code"]["value"], json!({ "code": "made-up-code" }));
    }
}

#[test]
fn the_errors_of_a_step_are_among_the_responses() {
    let document = complete_document();
    let responses = &document["paths"]["/api/auth/workos/callback"]["post"]["responses"];
    let names = |status: &str| -> BTreeSet<String> {
        let examples = &responses[status]["content"]["application/json"]["examples"];
        let examples = examples.as_object().unwrap().iter();
        examples
            .map(|(name, example)| {
                let code = &example["value"]["code"];
                assert!(!code.is_string() || code == name, "{name}: {example}");
                name.clone()
            })
            .collect()
    };
    let refused = names("400");
    for code in [
        "authentication_challenge_not_found",
        "invalid_one_time_code",
        "invalid_pending_authentication_token",
        "one_time_code_expired",
        "one_time_code_too_many_attempts",
        "organization_not_found",
    ] {
        assert!(refused.contains(code), "{code}: {refused:?}");
    }
    assert!(!refused.contains("invalid_client"), "{refused:?}");
    for code in ["mfa_enrollment", "mfa_challenge", "sso_required"] {
        assert!(names("403").contains(code), "{code}");
    }
}

#[test]
fn every_reference_resolves() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(place)) = fields.get("$ref") {
                    found.push(place.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = complete_document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for place in found {
        let pointer = place.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{place}");
    }
}
