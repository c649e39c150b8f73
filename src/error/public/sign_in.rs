//! What a client may see of a sign-in that did not end in a session.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::StatusCode;

use super::{PublicError, database, internal, retry_seconds, throttled};
use crate::accounts::ProvisionError;
use crate::db::DbError;
use crate::error::SignInFailure;
use crate::links::{login_as_another_url, login_url, password_login_url, reauthentication_url};
use crate::workos::WorkosError;

const START_AGAIN: &str = "Start again";
const AS_ANOTHER: &str = "Log in as someone else";

impl SignInFailure {
    pub(super) fn public(&self, next: &str) -> PublicError {
        match self {
            Self::AttemptCookieMissing | Self::StateMismatch | Self::AttemptAlreadyUsed => PublicError::new(
                StatusCode::BAD_REQUEST,
                "This sign-in cannot be completed",
                "It was started in another browser, was used already, or took longer than ten minutes. Please start again.",
            ),
            Self::AnotherUser => {
                return PublicError::new(
                    StatusCode::FORBIDDEN,
                    "That was another account",
                    "You were asked to log in again, but logged in as someone else. Nothing was changed, and you are still signed in as before.",
                )
                .with_action("Log in again", reauthentication_url(next));
            }
            Self::NotReauthenticated => {
                return PublicError::new(
                    StatusCode::FORBIDDEN,
                    "A recent log-in is needed",
                    "The sign-in service did not ask you to log in again. Please try once more.",
                )
                .with_action("Log in again", reauthentication_url(next));
            }
            Self::Provider { code, .. } => match invitation_message(code) {
                Some(message) => return invitation_error(StatusCode::BAD_REQUEST, code, message, next),
                None => PublicError::new(
                    StatusCode::BAD_REQUEST,
                    "Sign-in did not work",
                    format!(
                        "The sign-in service reported a problem ({code}). Please start again."
                    ),
                ),
            },
            Self::Throttled(seconds) => {
                return throttled(*seconds).with_action("Try again", String::new());
            }
            Self::TooManySignIns(seconds) => {
                return throttled(*seconds).with_action(START_AGAIN, login_url(next));
            }
            Self::Workos(error) => return workos(error, next),
            Self::Provision(error) => return provision(error, next),
            Self::Database(error) => return sign_in_database(error, next),
            Self::Internal(_) => return internal(),
        }
        .with_action(START_AGAIN, login_url(next))
    }
}

fn workos(error: &WorkosError, next: &str) -> PublicError {
    match error {
        WorkosError::Unavailable { retry_after, .. } => unavailable(
            "The sign-in service is not available at the moment.",
            *retry_after,
            next,
        ),
        refused if refused.is_misconfiguration() => misconfigured(next),
        WorkosError::Refused { status, code, .. } => {
            let status = match status {
                403 => StatusCode::FORBIDDEN,
                _ => StatusCode::BAD_REQUEST,
            };
            let page =
                |message| PublicError::new(status, "This sign-in cannot be completed", message);
            if let Some(message) = invitation_message(code) {
                return invitation_error(status, code, message, next);
            }
            let message = match code.as_str() {
                "invalid_grant" | "invalid_code" => {
                    Cow::Borrowed("Its code was used already or has expired. Please start again.")
                }
                "one_time_code_too_many_attempts" => Cow::Borrowed(
                    "Too many wrong codes were entered. Start again to get a new one.",
                ),
                "one_time_code_expired" | "one_time_code_previously_used" => Cow::Borrowed(
                    "The code has expired or was used already. Start again to get a new one.",
                ),
                "invalid_pending_authentication_token" => Cow::Borrowed(
                    "It took too long, or was completed in another window. Please start again.",
                ),
                code => match unfinished_step(code) {
                    Some(step) => {
                        let message = format!(
                            "It requires one more step, {step}, which this site does not support ({code})."
                        );
                        return page(message.into())
                            .with_action(AS_ANOTHER, login_as_another_url(next));
                    }
                    None => format!("The sign-in service refused it ({code}). Please start again.")
                        .into(),
                },
            };
            page(message).with_action(START_AGAIN, login_url(next))
        }
    }
}

/// WorkOS has refused this site's API key or client id. The user cannot change that, so the page does not
/// suggest to try again. The status and `Retry-After` are those of an outage, since the code may still
/// be exchanged once the settings are right.
fn misconfigured(next: &str) -> PublicError {
    PublicError {
        retry_after: Some(retry_seconds(None)),
        password_login_url: Some(password_login_url(next)),
        ..PublicError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Sign-in is not set up correctly",
            "The sign-in service does not accept this site’s settings, so nobody can log in through it. Only the operator of this site can fix that. Please let them know.",
        )
    }
}

/// WorkOS is unavailable.
fn unavailable(message: &'static str, retry_after: Option<Duration>, next: &str) -> PublicError {
    let page = PublicError::try_again(message, retry_seconds(retry_after))
        .with_action("Try again", login_url(next));
    PublicError {
        password_login_url: Some(password_login_url(next)),
        ..page
    }
}

/// The message for WorkOS's codes about invitations and sign-up.
pub fn invitation_message(code: &str) -> Option<&'static str> {
    Some(match code {
        "invitation_invalid" => {
            "This invitation was used or withdrawn, or it has expired. Please ask for a new one."
        }
        "invitation_cannot_be_used_for_email" => {
            "This invitation is for another email address. Sign in with the address that it was sent to."
        }
        "sign_up_not_allowed" => {
            "You need an invitation to sign up here. Please ask the operator of this site for one."
        }
        _ => return None,
    })
}

fn invitation_error(
    status: StatusCode,
    code: &str,
    message: &'static str,
    next: &str,
) -> PublicError {
    let page = PublicError::new(status, "This sign-in cannot be completed", message);
    match code {
        "invitation_invalid" => page.with_action(START_AGAIN, login_url(next)),
        // WorkOS still has a session of the user, so a plain new sign-in would fail again at once.
        _ => page.with_action(AS_ANOTHER, login_as_another_url(next)),
    }
}

/// A description of a step that WorkOS requires and this site does not support.
fn unfinished_step(code: &str) -> Option<&'static str> {
    Some(match code {
        "organization_selection_required" => "choosing one of your organisations",
        _ => return None,
    })
}

fn provision(error: &ProvisionError, next: &str) -> PublicError {
    let (status, heading, message) = match error {
        ProvisionError::Inactive { .. } | ProvisionError::Deleted { .. } => (
            StatusCode::FORBIDDEN,
            "This account is closed",
            "You signed in, but this account is not active. The operator of this site can open it again.",
        ),
        ProvisionError::EmailNotVerified { .. } => (
            StatusCode::FORBIDDEN,
            "Your email address is not verified",
            "An account with this address already exists. Verify the address with the sign-in service, then sign in again.",
        ),
        ProvisionError::Conflict { .. } => (
            StatusCode::CONFLICT,
            "This address belongs to another account",
            "The account with your email address is linked to a different sign-in. The operator of this site can unlink it.",
        ),
        ProvisionError::UnusableProfile { .. } => (
            StatusCode::BAD_REQUEST,
            "This sign-in cannot be completed",
            "The sign-in service did not provide a valid email address.",
        ),
        ProvisionError::Database(error) => return sign_in_database(error, next),
    };
    // WorkOS still has a session of the user, so a plain new sign-in would fail again at once.
    PublicError::new(status, heading, message).with_action(AS_ANOTHER, login_as_another_url(next))
}

/// The code has already been used, so trying again means a new sign-in.
fn sign_in_database(error: &DbError, next: &str) -> PublicError {
    let public = database(error);
    if public.retry_after.is_some() {
        let message = "The database is not responding, so you were not signed in.".into();
        PublicError { message, ..public }.with_action("Try again", login_url(next))
    } else {
        public
    }
}
