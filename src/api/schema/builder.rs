//! Builds the operations of the document: fields, and the responses that every operation has.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::responses::{
    TOKEN, bad_request, body_errors, forbidden, method_not_allowed, server_error, unavailable,
};
use super::{BodyField, Operation, OperationGroup, ResponseDoc};
use crate::accounts::UserKey;
use crate::api::wire::UserJson;

/// The response body of a sign-in.
pub(super) fn signed_in() -> Value {
    json!({ "access_token": TOKEN, "refresh_token": TOKEN, "user": user() })
}

/// A made-up user.
pub(super) fn user() -> Value {
    json!(UserJson {
        id: UserKey::Id(1.into()),
        email: "ada@example.com".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "ResponseExample".to_owned(),
    })
}

/// The body of `/api/users/me`.
pub(super) fn current_user() -> Value {
    let mut body = user();
    let more = json!({
        "email_verified": true,
        "picture_url": null,
        "organization_id": "org_01EXAMPLE",
        "organization_name": "Example Ltd",
        "role": "admin",
        "roles": ["admin"],
        "permissions": ["posts:read", "posts:write"],
        "entitlements": ["audit-log"],
        "feature_flags": ["new-editor"],
        "claims": {},
        "impersonator": null,
        "is_staff": false,
        "is_superuser": false,
        "groups": ["editors"],
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

/// A required field.
pub(super) const fn text(
    name: &'static str,
    description: &'static str,
    example: &'static str,
) -> BodyField {
    BodyField {
        name,
        required: true,
        description,
        example,
    }
}

/// An optional field.
pub(super) const fn optional(
    name: &'static str,
    description: &'static str,
    example: &'static str,
) -> BodyField {
    BodyField {
        required: false,
        ..text(name, description, example)
    }
}

/// A GET operation, with the responses that all of them have.
pub(super) fn get(
    group: OperationGroup,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    responses: Vec<ResponseDoc>,
) -> Operation {
    let mut operation = Operation {
        group,
        method: "GET",
        path,
        id,
        summary,
        description,
        credentials: &[],
        anonymous: true,
        fields: &[],
        alternatives: &[],
        responses,
    };
    let general = [
        bad_request(&[], &[]),
        method_not_allowed(&Method::POST),
        server_error(),
    ];
    operation.add_missing(general);
    operation
}

/// A POST operation, with the responses that all of them have.
pub(super) fn post(
    group: OperationGroup,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    fields: &'static [BodyField],
    responses: Vec<ResponseDoc>,
) -> Operation {
    let mut operation = Operation {
        method: "POST",
        fields,
        ..get(group, path, id, summary, description, responses)
    };
    operation
        .responses
        .retain(|response| response.status != 405);
    if !fields.is_empty() {
        operation
            .responses
            .retain(|response| !(response.status == 400 && response.general));
        operation.add_missing([bad_request(fields, &[])]);
    }
    operation.add_missing([
        forbidden(&[]),
        method_not_allowed(&Method::GET),
        unavailable(None),
    ]);
    operation.add_missing(body_errors());
    operation
}

impl Operation {
    /// Adds those of the responses whose status it does not have yet.
    fn add_missing(&mut self, responses: impl IntoIterator<Item = ResponseDoc>) {
        for response in responses {
            if self
                .responses
                .iter()
                .all(|own| own.status != response.status)
            {
                self.responses.push(response);
            }
        }
        self.responses.sort_by_key(|response| response.status);
    }
}
