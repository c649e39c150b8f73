//! The steps of an unfinished sign-in, for a page that signs its user in itself.
//!
//! What such a page gets as `pending_authentication_token` is WorkOS's, sealed together with what it
//! is good for and until when: it can be sent back here, and nowhere else.

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::failure::exchange;
use crate::api::ApiError;
use crate::api::body::Fields;
use crate::api::wire::UnfinishedJson;
use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::sign_in::{self, ExchangeFailure};
use crate::state::AppState;
use crate::workos::{
    Authentication, ClientDevice, HostedStepReason, NextStep, PendingAuthentication, StepQuestion,
    WorkosError,
};

/// The field that an answer to a step comes with.
pub(super) const TOKEN: &str = "pending_authentication_token";
/// As long as WorkOS's codes are good.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// WorkOS's code for a sign-in that it has forgotten.
pub(in crate::api) const INVALID: &str = "invalid_pending_authentication_token";
/// WorkOS's code for an organisation that is none; it answers 404 without one too.
pub(in crate::api) const NO_ORGANIZATION: &str = "organization_not_found";
/// Ours for a challenge that WorkOS does not know: it answers 404 without a code.
pub(in crate::api) const NO_CHALLENGE: &str = "authentication_challenge_not_found";
/// What WorkOS calls a 404, where it calls it anything.
const NAMELESS: [&str; 2] = ["http_404", "entity_not_found"];
const OVER: &str = "This sign-in has taken too long, or has been finished. Begin it again.";

/// A [`PendingAuthentication`] in a page's hands.
#[derive(Serialize, Deserialize)]
struct Held {
    pending: PendingAuthentication,
    /// Seconds since the Unix epoch.
    until: i64,
}

/// Complains of what answers a step, where none is answered.
pub(super) fn check(fields: &mut Fields<'_>) {
    for name in ["organization_id", "authentication_challenge_id"] {
        fields.optional(name);
    }
}

/// Reads the answer to a step and passes it on to WorkOS.
pub(super) async fn answer(
    app: &AppState,
    mut fields: Fields<'_>,
    device: &ClientDevice,
) -> Result<Result<Authentication, WorkosError>, ApiError> {
    let token = fields.text(TOKEN);
    let challenge = fields.optional("authentication_challenge_id");
    let held = opened(app, &token);
    // Without a token that opens, any of the two fields may be meant.
    let wants_organization = match &held {
        Some(pending) => matches!(pending.question, StepQuestion::Organization(_)),
        None => fields.lacks("code") && !fields.lacks("organization_id"),
    };
    let given = match wants_organization {
        true => fields.text("organization_id"),
        false => fields.text("code"),
    };
    fields.finish()?;
    let pending = held.ok_or_else(over)?;
    let given = match wants_organization {
        true => given,
        false => sign_in::code(&given).unwrap_or(given),
    };
    let answer = sign_in::answer(app, &pending, &given, challenge.as_deref(), device).await;
    match answer {
        Err(WorkosError::Refused {
            code, next: None, ..
        }) if wants_organization && sign_in::is_no_membership(&code) => Err(not_a_member(&code)),
        Err(WorkosError::Refused {
            status: 404, code, ..
        }) if challenge.is_some() && NAMELESS.contains(&code.as_str()) => Err(no_challenge()),
        Err(WorkosError::Refused {
            code, next: None, ..
        }) if code == INVALID => Err(over()),
        answer => Ok(answer),
    }
}

/// What a page is told that came too late.
pub(in crate::api) fn over() -> ApiError {
    exchange(StatusCode::BAD_REQUEST, OVER, INVALID)
}

/// What a page is told that chose an organisation which is not the person's.
pub(in crate::api) fn not_a_member(code: &str) -> ApiError {
    let code = if NAMELESS.contains(&code) {
        NO_ORGANIZATION
    } else {
        code
    };
    let detail = "You are not a member of this organisation.";
    exchange(StatusCode::BAD_REQUEST, detail, code)
}

/// What a page is told that named a challenge which WorkOS does not know.
pub(in crate::api) fn no_challenge() -> ApiError {
    let detail = "This challenge is not known, or has expired. Without one a fresh one is opened.";
    exchange(StatusCode::BAD_REQUEST, detail, NO_CHALLENGE)
}

/// What a page is told of WorkOS's no: the next step, where there is one.
pub(super) async fn refusal(app: &AppState, error: WorkosError) -> ApiError {
    let WorkosError::Refused {
        code,
        next: Some(step),
        ..
    } = &error
    else {
        return ExchangeFailure::from(SignInFailure::from(error)).into();
    };
    let answer = match step.as_ref() {
        NextStep::Answerable(pending) => here(app, code, pending.clone()).await,
        NextStep::Hosted(_) => Ok(told(code, step)),
    };
    answer.map_or_else(|error| error, |told| ApiError::Unfinished(Box::new(told)))
}

async fn here(
    app: &AppState,
    code: &str,
    mut pending: PendingAuthentication,
) -> Result<UnfinishedJson, ApiError> {
    if let StepQuestion::Totp {
        factor_id: Some(factor_id),
        challenge_id: challenge_id @ None,
    } = &mut pending.question
    {
        match app.workos.challenge(factor_id).await {
            Ok(id) => *challenge_id = Some(id),
            Err(error) => {
                log::warn!("no challenge could be opened, so the answer opens one: {error}");
            }
        }
    }
    let mut told = told(code, &NextStep::Answerable(pending.clone()));
    if let StepQuestion::Organization(organizations) = &mut pending.question {
        // They would make the token as long as their list, and the answer needs none of them.
        organizations.clear();
    }
    let held = Held {
        pending,
        until: app.clock.now().plus(LIFETIME).seconds(),
    };
    let plain = serde_json::to_vec(&held)
        .map_err(|error| ApiError::internal("write a pending sign-in as JSON", error))?;
    let sealed = app.keys.seal_pending(&plain);
    told.pending_authentication_token =
        Some(sealed.map_err(|error| ApiError::internal("seal a pending sign-in", error))?);
    Ok(told)
}

fn opened(app: &AppState, token: &str) -> Option<PendingAuthentication> {
    let plain = app.keys.open_pending(token)?;
    let held: Held = serde_json::from_slice(&plain).ok()?;
    is_in_time(&held, app.clock.now()).then_some(held.pending)
}

fn is_in_time(held: &Held, now: Timestamp) -> bool {
    now.seconds() < held.until
}

/// What a page is told of a step, before its token is sealed.
pub(in crate::api) fn told(code: &str, step: &NextStep) -> UnfinishedJson {
    let mut told = UnfinishedJson {
        detail: detail(step),
        code: code.to_owned(),
        ..UnfinishedJson::default()
    };
    match step {
        NextStep::Answerable(pending) => match &pending.question {
            StepQuestion::Organization(organizations) => told.organizations = organizations.clone(),
            StepQuestion::Email(email) => told.email = email.clone(),
            StepQuestion::Totp { challenge_id, .. } => {
                told.authentication_challenge_id = challenge_id.clone();
            }
        },
        NextStep::Hosted(elsewhere) => {
            told.email = elsewhere.email.clone();
            told.connection_ids = elsewhere.connection_ids.clone();
        }
    }
    told
}

/// The sentence for each step.
fn detail(step: &NextStep) -> &'static str {
    match step {
        NextStep::Answerable(pending) => match pending.question {
            StepQuestion::Organization(_) => "Choose an organisation to sign in to.",
            StepQuestion::Email(_) => "Send the code that came by e-mail.",
            StepQuestion::Totp { .. } => "Send the code that the authenticator shows.",
        },
        NextStep::Hosted(elsewhere) => match elsewhere.why {
            HostedStepReason::SingleSignOn if elsewhere.connection_ids.is_empty() => {
                "The organisation wants its single sign-on: begin a sign-in at WorkOS with that organisation."
            }
            HostedStepReason::SingleSignOn => {
                "The organisation wants its single sign-on: begin a sign-in with one of its connections."
            }
            HostedStepReason::OtherMethod => {
                "This way of signing in is not taken: begin a sign-in at WorkOS by another one."
            }
            HostedStepReason::Enrollment => {
                "A second factor has to be set up: begin a sign-in at WorkOS."
            }
            HostedStepReason::Challenge => "WorkOS wants one more step: begin a sign-in there.",
            HostedStepReason::Email => {
                "The e-mail address has to be verified: begin a sign-in at WorkOS."
            }
            HostedStepReason::SecondFactor => {
                "A second factor is wanted: begin a sign-in at WorkOS."
            }
        },
    }
}
