//! The route that takes the steps of an unfinished sign-in too.

use serde_json::json;

use super::answers::{example, refused};
use super::{Answer, Example, Field, Operation, Shape};
use crate::api::ApiError;
use crate::api::error::FieldErrors;
use crate::api::exchange::step::{self, UnfinishedJson, detail};
use crate::error::SignInFailure;
use crate::workos::{Organization, WorkosError};

/// Plainly no token of anybody's.
const PENDING: &str = "made-up-pending-token";

/// What the route takes: a code alone at first, then the answers to what is asked.
pub(super) const FIELDS: &[Field] = &[
    field(
        "code",
        "WorkOS's code; with `pending_authentication_token`, what came by e-mail or what an authenticator shows.",
        "made-up-code",
    ),
    field(
        "code_verifier",
        "PKCE's, where a challenge was sent.",
        "made-up-verifier",
    ),
    field(
        "pending_authentication_token",
        "As an unfinished sign-in was answered with it; good for ten minutes.",
        PENDING,
    ),
    field(
        "organization_id",
        "The choice, for `organization_selection_required`.",
        "org_made_up",
    ),
    field(
        "authentication_challenge_id",
        "As it was told, for `mfa_challenge`; without it another challenge is opened.",
        "auth_challenge_made_up",
    ),
];

/// What WorkOS has refused.
pub(super) fn refused_by_workos(code: &'static str, summary: &'static str) -> Example {
    let failure = WorkosError::Refused {
        status: 400,
        code: code.to_owned(),
        message: String::new(),
        next: None,
    };
    refused(code, summary, SignInFailure::from(failure))
}

/// Adds what an unfinished sign-in is told.
pub(super) fn with_steps(mut operation: Operation) -> Operation {
    for answer in &mut operation.answers {
        match answer.status {
            400 => of_wrong_answers(answer),
            403 => {
                answer.when = "One more step, not allowed from there, or not for this account";
                answer.body = Shape::Json("Forbidden");
                answer.examples.splice(0..0, steps());
            }
            _ => {}
        }
    }
    operation
}

fn of_wrong_answers(answer: &mut Answer) {
    let required = vec![("code", "This field is required.".to_owned())];
    let missing = ApiError::Fields(FieldErrors(required)).example();
    let wrong = refused_by_workos("invalid_one_time_code", "The answer to a step is wrong");
    let over = example(
        "invalid_pending_authentication_token",
        "A step took too long",
        step::over().example(),
    );
    let missing = example("missing", "A field is missing", missing);
    answer.examples.extend([missing, wrong, over]);
}

fn steps() -> [Example; 4] {
    let step = |code: &'static str| UnfinishedJson {
        detail: detail(code),
        code: code.to_owned(),
        pending_authentication_token: Some(PENDING.to_owned()),
        ..UnfinishedJson::default()
    };
    let organization = |id: &str, name: &str| Organization {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    [
        example(
            "organization_selection_required",
            "An organisation is to be chosen",
            json!(UnfinishedJson {
                organizations: vec![
                    organization("org_made_up", "Example Orchards"),
                    organization("org_made_up_too", "Tandem Cycles"),
                ],
                ..step("organization_selection_required")
            }),
        ),
        example(
            "email_verification_required",
            "A code was sent by e-mail",
            json!(UnfinishedJson {
                email: Some("ada@example.com".to_owned()),
                ..step("email_verification_required")
            }),
        ),
        example(
            "mfa_challenge",
            "An authenticator's code is wanted",
            json!(UnfinishedJson {
                authentication_challenge_id: Some("auth_challenge_made_up".to_owned()),
                ..step("mfa_challenge")
            }),
        ),
        example(
            "sso_required",
            "A sign-in through the organisation's connection is wanted",
            json!(UnfinishedJson {
                pending_authentication_token: None,
                email: Some("ada@example.com".to_owned()),
                connection_ids: vec!["conn_made_up".to_owned()],
                ..step("sso_required")
            }),
        ),
    ]
}

const fn field(name: &'static str, description: &'static str, example: &'static str) -> Field {
    Field {
        name,
        required: false,
        description,
        example,
    }
}
