//! The route that takes the steps of an unfinished sign-in too.

use secrecy::SecretString;
use serde_json::json;

use super::answers::{example, refused};
use super::builder::{optional, text};
use super::{Alternative, Answer, Example, Field, Operation, Shape};
use crate::api::ApiError;
use crate::api::exchange::next_step;
use crate::api::wire::NextStepJson;
use crate::error::SignInFailure;
use crate::workos::{
    HostedStep, HostedStepReason, NextStep, Organization, PendingAuthentication, StepQuestion,
    WorkosError,
};

/// Plainly no token of anybody's.
const PENDING: &str = "made-up-pending-token";
const EMAIL: &str = "ada@example.com";

const TOKEN: Field = text(
    "pending_authentication_token",
    "As the unfinished sign-in was answered with it; good for ten minutes.",
    PENDING,
);

/// The answers to what is asked, by WorkOS's codes.
const STEPS: &[Alternative] = &[
    Alternative {
        name: "organization_selection_required",
        summary: "The organisation that was chosen",
        fields: &[
            TOKEN,
            text(
                "organization_id",
                "One of the `organizations` that were told.",
                "org_made_up",
            ),
        ],
    },
    Alternative {
        name: "email_verification_required",
        summary: "The code that came by e-mail",
        fields: &[TOKEN, text("code", "As it came by e-mail.", "123456")],
    },
    Alternative {
        name: "mfa_challenge",
        summary: "The code that an authenticator shows",
        fields: &[
            TOKEN,
            text("code", "As the authenticator shows it.", "123456"),
            optional(
                "authentication_challenge_id",
                "As it was told, if it was; without it another challenge is opened.",
                "auth_challenge_made_up",
            ),
        ],
    },
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

/// Adds the answers to an unfinished sign-in's questions, and what it is told.
pub(super) fn with_steps(mut operation: Operation) -> Operation {
    operation.alternatives = STEPS;
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
    let of_workos = [
        ("invalid_one_time_code", "The answer to a step is wrong"),
        ("one_time_code_expired", "The answer to a step came late"),
        (
            "one_time_code_too_many_attempts",
            "Too many answers were wrong",
        ),
    ];
    let of_workos = of_workos.map(|(code, summary)| refused_by_workos(code, summary));
    answer.examples.extend(of_workos);
    let own = |name, summary, error: ApiError| example(name, summary, error.example());
    answer.examples.extend([
        own(
            next_step::NO_ORGANIZATION,
            "The organisation is not the person's",
            next_step::not_a_member(next_step::NO_ORGANIZATION),
        ),
        own(
            next_step::NO_CHALLENGE,
            "The challenge is another's, or over",
            next_step::no_challenge(),
        ),
        own(
            next_step::INVALID,
            "A step took too long",
            next_step::expired(),
        ),
    ]);
}

fn steps() -> [Example; 5] {
    let organization = |id: &str, name: &str| Organization {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    let organizations = vec![
        organization("org_made_up", "Example Orchards"),
        organization("org_made_up_too", "Tandem Cycles"),
    ];
    let challenge = StepQuestion::Totp {
        factor_id: None,
        challenge_id: Some("auth_challenge_made_up".to_owned()),
    };
    [
        asked(
            "organization_selection_required",
            "An organisation is to be chosen",
            StepQuestion::Organization(organizations),
        ),
        asked(
            "email_verification_required",
            "A code was sent by e-mail",
            StepQuestion::Email(Some(EMAIL.to_owned())),
        ),
        asked(
            "mfa_challenge",
            "An authenticator's code is wanted",
            challenge,
        ),
        elsewhere(
            "mfa_enrollment",
            "A second factor is to be set up at WorkOS",
            HostedStepReason::Enrollment,
            &[],
        ),
        elsewhere(
            "sso_required",
            "A sign-in through the organisation's connection is wanted",
            HostedStepReason::SingleSignOn,
            &["conn_made_up"],
        ),
    ]
}

fn asked(code: &'static str, summary: &'static str, question: StepQuestion) -> Example {
    let step = NextStep::Answerable(PendingAuthentication {
        token: SecretString::from(PENDING),
        question,
    });
    let told = NextStepJson {
        pending_authentication_token: Some(PENDING.to_owned()),
        ..next_step::step_json(code, &step)
    };
    example(code, summary, json!(told))
}

fn elsewhere(
    code: &'static str,
    summary: &'static str,
    why: HostedStepReason,
    connection_ids: &[&str],
) -> Example {
    let step = NextStep::Hosted(HostedStep {
        why,
        email: Some(EMAIL.to_owned()),
        connection_ids: connection_ids.iter().map(|id| (*id).to_owned()).collect(),
    });
    example(code, summary, json!(next_step::step_json(code, &step)))
}
