//! The additional steps of a sign-in at `/api/auth/workos/callback`.

use secrecy::SecretString;
use serde_json::json;

use super::builder::{optional, text};
use super::responses::{example, refused};
use super::{AlternativeBody, BodyField, BodyShape, Operation, ResponseDoc, ResponseExample};
use crate::api::ApiError;
use crate::api::exchange::next_step;
use crate::api::wire::NextStepJson;
use crate::error::SignInFailure;
use crate::workos::{
    HostedStep, HostedStepReason, NextStep, Organization, PendingAuthentication, StepQuestion,
    WorkosError,
};

/// A made-up token.
pub(super) const PENDING: &str = "made-up-pending-token";
const EMAIL: &str = "ada@example.com";

/// The token of a 403 response.
pub(super) const TOKEN: BodyField = text(
    "pending_authentication_token",
    "The token of the 403 response. It is valid for ten minutes.",
    PENDING,
);

/// The bodies that answer a step, by WorkOS's code for the step.
const STEPS: &[AlternativeBody] = &[
    AlternativeBody {
        name: "organization_selection_required",
        summary: "The organisation that the user chose",
        fields: &[
            TOKEN,
            text(
                "organization_id",
                "The id of one of the `organizations` of the 403 response.",
                "org_made_up",
            ),
        ],
    },
    AlternativeBody {
        name: "email_verification_required",
        summary: "The code that was sent by email",
        fields: &[TOKEN, text("code", "The code of the email.", "123456")],
    },
    AlternativeBody {
        name: "mfa_challenge",
        summary: "The code of an authenticator app",
        fields: &[
            TOKEN,
            text(
                "code",
                "The code that the authenticator app shows.",
                "123456",
            ),
            optional(
                "authentication_challenge_id",
                "The id of the 403 response. If it is missing, a new challenge is created.",
                "auth_challenge_made_up",
            ),
        ],
    },
];

/// The example for a refusal of WorkOS.
pub(super) fn refused_by_workos(code: &'static str, summary: &'static str) -> ResponseExample {
    let failure = WorkosError::Refused {
        status: 400,
        code: code.to_owned(),
        message: String::new(),
        next: None,
    };
    refused(code, summary, SignInFailure::from(failure))
}

/// Adds the bodies that answer a step, and the responses that name one.
pub(super) fn with_steps(mut operation: Operation) -> Operation {
    operation.alternatives = STEPS;
    for response in &mut operation.responses {
        match response.status {
            400 => add_step_errors(response),
            403 => {
                add_steps(response, &steps());
            }
            _ => {}
        }
    }
    operation
}

/// Adds these steps to a 403.
fn add_steps(response: &mut ResponseDoc, steps: &[ResponseExample]) {
    response.when =
        "Another step is required; or not allowed for this account, or from another site";
    response.body = BodyShape::Json("Forbidden");
    response.general = false;
    response.examples.splice(0..0, steps.iter().cloned());
}

/// Adds the steps to the 403 of a switch, which has chosen the organisation.
pub(super) fn add_switch_steps(response: &mut ResponseDoc) {
    let [_, steps @ ..] = steps();
    add_steps(response, &steps);
}

fn add_step_errors(response: &mut ResponseDoc) {
    let of_workos = [
        ("invalid_one_time_code", "The code is wrong"),
        ("one_time_code_expired", "The code has expired"),
        (
            "one_time_code_too_many_attempts",
            "Too many codes were wrong",
        ),
    ];
    let of_workos = of_workos.map(|(code, summary)| refused_by_workos(code, summary));
    response.examples.extend(of_workos);
    let own = |name, summary, error: ApiError| example(name, summary, error.example());
    response.examples.extend([
        own(
            next_step::NO_ORGANIZATION,
            "The user is not a member of the organisation",
            next_step::not_a_member(next_step::NO_ORGANIZATION),
        ),
        own(
            next_step::NO_CHALLENGE,
            "The challenge is unknown or has expired",
            next_step::no_challenge(),
        ),
        own(
            next_step::INVALID,
            "The token has expired or was already used",
            next_step::expired(),
        ),
    ]);
}

fn steps() -> [ResponseExample; 5] {
    let organization = |id: &str, name: &str| Organization {
        id: id.into(),
        name: name.to_owned(),
    };
    let organizations = vec![
        organization("org_made_up", "ResponseExample Orchards"),
        organization("org_made_up_too", "Tandem Cycles"),
    ];
    let challenge = StepQuestion::Totp {
        factor_id: None,
        challenge_id: Some("auth_challenge_made_up".to_owned()),
    };
    [
        question_example(
            "organization_selection_required",
            "An organisation must be chosen",
            StepQuestion::Organization(organizations),
        ),
        question_example(
            "email_verification_required",
            "A code was sent by email",
            StepQuestion::Email(Some(EMAIL.to_owned())),
        ),
        question_example(
            "mfa_challenge",
            "The code of an authenticator app is required",
            challenge,
        ),
        hosted_step_example(
            "mfa_enrollment",
            "A second factor must be set up at WorkOS",
            HostedStepReason::Enrollment,
            &[],
        ),
        hosted_step_example(
            "sso_required",
            "The organisation requires single sign-on",
            HostedStepReason::SingleSignOn,
            &["conn_made_up"],
        ),
    ]
}

fn question_example(
    code: &'static str,
    summary: &'static str,
    question: StepQuestion,
) -> ResponseExample {
    let step = NextStep::Answerable(PendingAuthentication {
        token: SecretString::from(PENDING),
        question,
        subject: None,
    });
    let body = NextStepJson {
        pending_authentication_token: Some(PENDING.to_owned()),
        ..next_step::step_json(code, &step)
    };
    example(code, summary, json!(body))
}

fn hosted_step_example(
    code: &'static str,
    summary: &'static str,
    why: HostedStepReason,
    connection_ids: &[&str],
) -> ResponseExample {
    let step = NextStep::Hosted(HostedStep {
        why,
        email: Some(EMAIL.to_owned()),
        connection_ids: connection_ids.iter().map(|id| (*id).to_owned()).collect(),
    });
    example(code, summary, json!(next_step::step_json(code, &step)))
}
