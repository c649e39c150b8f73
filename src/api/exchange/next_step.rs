//! The additional steps of a sign-in, for an application that exchanges the code itself.
//!
//! The application's `pending_authentication_token` is WorkOS's token, sealed together with the
//! question and an expiry time, so that only this route accepts it.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::failure::exchange_error;
use crate::api::ApiError;
use crate::api::body::FieldReader;
use crate::api::error::ExchangeError;
use crate::api::wire::NextStepJson;
use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::keys::Keys;
use crate::sign_in::{
    ExchangeFailure, SignInService, is_not_a_member_code, normalize_code, workos_outcome,
};
use crate::workos::{
    Authentication, ClientDevice, HostedStepReason, NextStep, PendingAuthentication, StepQuestion,
    WorkosClient, WorkosError,
};

/// The field with the token of a pending step.
pub(in crate::api) const TOKEN: &str = "pending_authentication_token";
/// As long as WorkOS's codes are valid.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// WorkOS's code for a pending sign-in that it no longer knows.
pub(in crate::api) const INVALID: &str = "invalid_pending_authentication_token";
/// WorkOS's code for an unknown organisation. WorkOS also answers 404 without a code.
pub(in crate::api) const NO_ORGANIZATION: &str = "organization_not_found";
/// Our code for a challenge that WorkOS does not know. WorkOS answers 404 without a code.
pub(in crate::api) const NO_CHALLENGE: &str = "authentication_challenge_not_found";
/// The codes of a 404 that say nothing more.
const GENERIC_NOT_FOUND: [&str; 2] = ["http_404", "entity_not_found"];
const EXPIRED: &str = "This sign-in has expired or is already finished. Start a new one.";

/// The content of a sealed `pending_authentication_token`.
#[derive(Serialize, Deserialize)]
struct SealedStep {
    pending: PendingAuthentication,
    /// When the token expires, in seconds since the Unix epoch.
    until: i64,
    /// When WorkOS asked its first question, in microseconds since the Unix epoch; `None` in tokens of earlier
    /// versions.
    #[serde(default)]
    began_at: Option<i64>,
}

/// Checks the types of a step's fields in a request that answers no step.
pub(super) fn check_unused(fields: &mut FieldReader<'_>) {
    for name in ["organization_id", "authentication_challenge_id"] {
        fields.optional(name);
    }
}

/// Reads the answer to a step and sends it to WorkOS. Returns also when WorkOS asked its first question.
pub(super) async fn answer(
    keys: &Keys,
    sign_in: &SignInService,
    mut fields: FieldReader<'_>,
    client: IpAddr,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<(Result<Authentication, WorkosError>, Option<Timestamp>), ApiError> {
    let token = fields.text(TOKEN);
    let challenge = fields.optional("authentication_challenge_id");
    let pending = open(keys, &token, now);
    // If the token does not open, the request's fields decide which question it answers.
    let wants_organization = match &pending {
        Some((pending, _)) => matches!(pending.question, StepQuestion::Organization(_)),
        None => fields.lacks("code") && !fields.lacks("organization_id"),
    };
    let given = match wants_organization {
        true => fields.text("organization_id"),
        false => fields.text("code"),
    };
    fields.finish()?;
    let (pending, began_at) = pending.ok_or_else(unopened)?;
    // The token has the challenge of this sign-in. Another one may be another user's.
    if let StepQuestion::Totp { challenge_id, .. } = &pending.question
        && challenge.is_some()
        && challenge != *challenge_id
    {
        return Err(no_challenge());
    }
    let given = match wants_organization {
        true => given,
        false => normalize_code(&given).unwrap_or(given),
    };
    let permit = sign_in.reserve_exchange(client, None);
    let permit = permit.map_err(ExchangeFailure::from)?;
    let outcome = sign_in
        .answer_step(&pending, &given, challenge.as_deref(), device)
        .await;
    permit.settle(workos_outcome(&outcome));
    match outcome {
        Err(WorkosError::Refused {
            code, next: None, ..
        }) if wants_organization && is_not_a_member_code(&code) => Err(not_a_member(&code)),
        Err(WorkosError::Refused {
            status: 404, code, ..
        }) if challenge.is_some() && GENERIC_NOT_FOUND.contains(&code.as_str()) => {
            Err(no_challenge())
        }
        Err(WorkosError::Refused {
            code, next: None, ..
        }) if code == INVALID => Err(expired()),
        outcome => Ok((outcome, Some(began_at))),
    }
}

/// The response to a token that has expired or was already used.
pub(in crate::api) fn expired() -> ApiError {
    exchange_error(StatusCode::BAD_REQUEST, EXPIRED, INVALID)
}

/// The same for a token that does not open, which asks nobody anything and counts for no limit.
pub(in crate::api) fn unopened() -> ApiError {
    match expired() {
        ApiError::Exchange(error) => ApiError::Exchange(ExchangeError {
            is_attempt: false,
            ..error
        }),
        other => other,
    }
}

/// The response to an organisation that the user is not a member of.
pub(in crate::api) fn not_a_member(code: &str) -> ApiError {
    organization_refused("You are not a member of this organisation.", code)
}

/// The response to an organisation that WorkOS refuses with `code`.
pub(in crate::api) fn organization_refused(detail: &str, code: &str) -> ApiError {
    let code = if GENERIC_NOT_FOUND.contains(&code) {
        NO_ORGANIZATION
    } else {
        code
    };
    exchange_error(StatusCode::BAD_REQUEST, detail, code)
}

/// The response to a challenge that WorkOS does not know.
pub(in crate::api) fn no_challenge() -> ApiError {
    let detail =
        "This challenge is unknown or has expired. Leave it out to have a new one created.";
    exchange_error(StatusCode::BAD_REQUEST, detail, NO_CHALLENGE)
}

/// The response to WorkOS's refusal: the next step if there is one, else an error.
pub(in crate::api) async fn refusal(
    keys: &Keys,
    workos: &WorkosClient,
    error: WorkosError,
    (waiting_since, now): (Option<Timestamp>, Timestamp),
) -> ApiError {
    let WorkosError::Refused {
        code,
        next: Some(step),
        ..
    } = &error
    else {
        return ExchangeFailure::from(SignInFailure::from(error)).into();
    };
    let body = match step.as_ref() {
        NextStep::Answerable(pending) => {
            let since = (waiting_since.unwrap_or(now), now);
            with_token(keys, workos, code, pending.clone(), since).await
        }
        NextStep::Hosted(_) => Ok(step_json(code, step)),
    };
    body.map_or_else(|error| error, |body| ApiError::NextStep(Box::new(body)))
}

/// The next step with its sealed token, which says that WorkOS asked its first question at `began_at`. For an
/// authenticator a challenge is created first.
async fn with_token(
    keys: &Keys,
    workos: &WorkosClient,
    code: &str,
    mut pending: PendingAuthentication,
    (began_at, now): (Timestamp, Timestamp),
) -> Result<NextStepJson, ApiError> {
    if let StepQuestion::Totp {
        factor_id: Some(factor_id),
        challenge_id: challenge_id @ None,
    } = &mut pending.question
    {
        match workos.create_challenge(factor_id).await {
            Ok(id) => *challenge_id = Some(id),
            Err(error) => {
                log::warn!(
                    "failed to create an authenticator challenge; the answer to the step creates one: {error}"
                );
            }
        }
    }
    let mut body = step_json(code, &NextStep::Answerable(pending.clone()));
    if let StepQuestion::Organization(organizations) = &mut pending.question {
        // The answer does not need the list, and it would make the token long.
        organizations.clear();
    }
    let content = SealedStep {
        pending,
        until: now.plus(LIFETIME).seconds(),
        began_at: Some(began_at.utc().timestamp_micros()),
    };
    let plain = serde_json::to_vec(&content)
        .map_err(|error| ApiError::internal("write a pending sign-in as JSON", error))?;
    let sealed = keys.seal_pending(&plain);
    body.pending_authentication_token =
        Some(sealed.map_err(|error| ApiError::internal("seal a pending sign-in", error))?);
    Ok(body)
}

/// The content of a token that opens and has not expired, and when WorkOS asked its first question.
fn open(keys: &Keys, token: &str, now: Timestamp) -> Option<(PendingAuthentication, Timestamp)> {
    let plain = keys.open_pending(token)?;
    let content: SealedStep = serde_json::from_slice(&plain).ok()?;
    let until = Timestamp::from_seconds(content.until).filter(|until| now < *until)?;
    let began_at = content.began_at.and_then(Timestamp::from_micros);
    Some((content.pending, began_at.unwrap_or(until.plus(-LIFETIME))))
}

/// The JSON of a step, without its token.
pub(in crate::api) fn step_json(code: &str, step: &NextStep) -> NextStepJson {
    let mut body = NextStepJson {
        detail: detail(step),
        code: code.to_owned(),
        ..NextStepJson::default()
    };
    match step {
        NextStep::Answerable(pending) => match &pending.question {
            StepQuestion::Organization(organizations) => body.organizations = organizations.clone(),
            StepQuestion::Email(email) => body.email = email.clone(),
            StepQuestion::Totp { challenge_id, .. } => {
                body.authentication_challenge_id = challenge_id.clone();
            }
        },
        NextStep::Hosted(elsewhere) => {
            body.email = elsewhere.email.clone();
            body.connection_ids = elsewhere.connection_ids.clone();
        }
    }
    body
}

/// The sentence that names the step.
fn detail(step: &NextStep) -> &'static str {
    match step {
        NextStep::Answerable(pending) => match pending.question {
            StepQuestion::Organization(_) => "Choose an organisation to sign in to.",
            StepQuestion::Email(_) => "Send the code that was sent by email.",
            StepQuestion::Totp { .. } => "Send the code that the authenticator app shows.",
        },
        NextStep::Hosted(elsewhere) => match elsewhere.why {
            HostedStepReason::SingleSignOn if elsewhere.connection_ids.is_empty() => {
                "The organisation requires single sign-on: start a new sign-in at WorkOS with that organisation."
            }
            HostedStepReason::SingleSignOn => {
                "The organisation requires single sign-on: start a new sign-in with one of its connections."
            }
            HostedStepReason::OtherMethod => {
                "This sign-in method is not allowed: start a new sign-in at WorkOS with another one."
            }
            HostedStepReason::Enrollment => {
                "A second factor must be set up: start a new sign-in at WorkOS."
            }
            HostedStepReason::Challenge => {
                "WorkOS requires another step: start a new sign-in there."
            }
            HostedStepReason::Email => {
                "The email address must be verified: start a new sign-in at WorkOS."
            }
            HostedStepReason::SecondFactor => {
                "A second factor is required: start a new sign-in at WorkOS."
            }
        },
    }
}
