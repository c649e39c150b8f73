//! The steps of an unfinished sign-in, for a page that signs its user in itself.
//!
//! What such a page gets as `pending_authentication_token` is WorkOS's, sealed together with what it
//! is good for and until when: it can be sent back here, and nowhere else.

use std::fmt;

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::failure::exchange;
use crate::api::ApiError;
use crate::api::body::Fields;
use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::sign_in::{self, ExchangeFailure};
use crate::state::AppState;
use crate::workos::{
    Authentication, Device, NextStep, Organization, Pending, Question, WorkosError,
};

/// The field that an answer to a step comes with.
pub(super) const TOKEN: &str = "pending_authentication_token";
/// As long as WorkOS's codes are good.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
const INVALID: &str = "invalid_pending_authentication_token";
const OVER: &str = "This sign-in has taken too long, or has been finished. Begin it again.";

/// What a page is told of a sign-in that needs one more step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UnfinishedJson {
    /// For people.
    pub detail: &'static str,
    /// WorkOS's code.
    pub code: String,
    /// To be sent back with the answer; absent where the sign-in goes on at WorkOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_authentication_token: Option<String>,
    /// Those to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Organization>,
    /// Where a code was sent to, or whose sign-in it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The challenge that an authenticator's code answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_challenge_id: Option<String>,
    /// The single sign-on connections, of which a fresh sign-in is to name one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connection_ids: Vec<String>,
}

impl fmt::Display for UnfinishedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// A [`Pending`] in a page's hands.
#[derive(Serialize, Deserialize)]
struct Held {
    pending: Pending,
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
    device: &Device,
) -> Result<Result<Authentication, WorkosError>, ApiError> {
    let token = fields.text(TOKEN);
    let challenge = fields.optional("authentication_challenge_id");
    let held = opened(app, &token);
    // Without a token that opens, any of the two fields may be meant.
    let wants_organization = match &held {
        Some(pending) => matches!(pending.question, Question::Organization(_)),
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
        }) if wants_organization && sign_in::is_no_membership(&code) => {
            log::info!("an exchange chose an organisation that is not the person's: {code}");
            let detail = "You are not a member of this organisation.";
            Err(exchange(
                StatusCode::BAD_REQUEST,
                detail,
                "organization_not_found",
            ))
        }
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
    let told = match step.as_ref() {
        NextStep::Here(pending) => here(app, code, pending.clone()).await,
        NextStep::Elsewhere(elsewhere) => Ok(UnfinishedJson {
            detail: detail(code),
            code: code.to_owned(),
            email: elsewhere.email.clone(),
            connection_ids: elsewhere.connection_ids.clone(),
            ..UnfinishedJson::default()
        }),
    };
    told.map_or_else(|error| error, |told| ApiError::Unfinished(Box::new(told)))
}

async fn here(
    app: &AppState,
    code: &str,
    mut pending: Pending,
) -> Result<UnfinishedJson, ApiError> {
    let mut told = UnfinishedJson {
        detail: detail(code),
        code: code.to_owned(),
        ..UnfinishedJson::default()
    };
    match &mut pending.question {
        Question::Organization(organizations) => {
            told.organizations = std::mem::take(organizations);
        }
        Question::Email(email) => told.email = email.clone(),
        Question::Totp {
            factor_id,
            challenge_id,
        } => {
            if let (None, Some(factor_id)) = (&challenge_id, &factor_id) {
                // Where none can be opened now, the answer opens one.
                *challenge_id = app.workos.challenge(factor_id).await.ok();
            }
            told.authentication_challenge_id = challenge_id.clone();
        }
    }
    let held = Held {
        pending,
        until: app.clock.now().plus(LIFETIME).seconds(),
    };
    let plain = serde_json::to_vec(&held).map_err(|error| ApiError::internal(&error))?;
    let sealed = app.keys.seal_pending(&plain);
    told.pending_authentication_token = Some(sealed.map_err(|error| ApiError::internal(&error))?);
    Ok(told)
}

fn opened(app: &AppState, token: &str) -> Option<Pending> {
    let plain = app.keys.open_pending(token)?;
    let held: Held = serde_json::from_slice(&plain).ok()?;
    is_in_time(&held, app.clock.now()).then_some(held.pending)
}

fn is_in_time(held: &Held, now: Timestamp) -> bool {
    now.seconds() < held.until
}

/// The sentence for each of WorkOS's codes.
pub(in crate::api) fn detail(code: &str) -> &'static str {
    match code {
        "organization_selection_required" => "Choose an organisation to sign in to.",
        "email_verification_required" => "Send the code that came by e-mail.",
        "mfa_challenge" => "Send the code that the authenticator shows.",
        "mfa_enrollment" => "A second factor has to be set up: begin a sign-in at WorkOS.",
        "organization_authentication_methods_required" => {
            "The organisation does not take this way of signing in: begin a sign-in at WorkOS."
        }
        "sso_required" => {
            "The organisation wants its single sign-on: begin a sign-in with one of its connections."
        }
        _ => "WorkOS wants one more step: begin a sign-in there.",
    }
}
