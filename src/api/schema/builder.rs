//! Builds the operations of the document: fields, and the responses that every operation has.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::answers::{
    TOKEN, bad_request, forbidden, method_not_allowed, of_bodies, server_error, unavailable,
};
use super::{Answer, Field, Group, Operation};
use crate::api::wire::UserJson;

/// The body of a sign-in.
pub(super) fn signed_in() -> Value {
    json!({ "access_token": TOKEN, "refresh_token": TOKEN, "user": user() })
}

/// Somebody made up.
pub(super) fn user() -> Value {
    json!(UserJson {
        id: 1,
        email: "ada@example.com".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Example".to_owned(),
    })
}

/// A field that must be there.
pub(super) const fn text(
    name: &'static str,
    description: &'static str,
    example: &'static str,
) -> Field {
    Field {
        name,
        required: true,
        description,
        example,
    }
}

/// A field that may be missing.
pub(super) const fn optional(
    name: &'static str,
    description: &'static str,
    example: &'static str,
) -> Field {
    Field {
        required: false,
        ..text(name, description, example)
    }
}

/// An operation that reads, with the answers that all of them have.
pub(super) fn get(
    group: Group,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    answers: Vec<Answer>,
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
        answers,
    };
    let also = [
        bad_request(&[], &[]),
        method_not_allowed(&Method::POST),
        server_error(),
    ];
    operation.add(also);
    operation
}

/// An operation that takes a body, with the answers that all of them have.
pub(super) fn post(
    group: Group,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    fields: &'static [Field],
    answers: Vec<Answer>,
) -> Operation {
    let mut operation = Operation {
        method: "POST",
        fields,
        ..get(group, path, id, summary, description, answers)
    };
    operation.answers.retain(|answer| answer.status != 405);
    if !fields.is_empty() {
        operation
            .answers
            .retain(|answer| !(answer.status == 400 && answer.general));
        operation.add([bad_request(fields, &[])]);
    }
    operation.add([
        forbidden(&[]),
        method_not_allowed(&Method::GET),
        unavailable(None),
    ]);
    operation.add(of_bodies());
    operation
}

impl Operation {
    /// Adds the answers whose statuses it does not have yet.
    fn add(&mut self, answers: impl IntoIterator<Item = Answer>) {
        for answer in answers {
            if self.answers.iter().all(|own| own.status != answer.status) {
                self.answers.push(answer);
            }
        }
        self.answers.sort_by_key(|answer| answer.status);
    }
}
