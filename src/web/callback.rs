//! `GET /auth/callback`: the redirect from WorkOS, with an authorization code or an error.

use actix_web::{HttpRequest, HttpResponse, web};

use super::login::AuthorizeRedirect;
use super::login_attempt::{LoginAttempt, LoginAttempts};
use super::session_replacement::SessionReplacement;
use super::{is_prefetch, query_pairs, redirect, redirect_target, step};
use crate::error::{Error, InternalError, SignInFailure};
use crate::http::site::Site;
use crate::http::throttled::ClientAddress;
use crate::links::{cancelled_url, login_as_another_url, login_with_url};
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::sign_in::WorkosCallback;
use crate::state::AppState;

/// WorkOS's error codes are short words. Anything else in the query was not written by WorkOS.
const MAX_ERROR_CODE: usize = 64;
/// The most characters of a description that are logged: anyone can write one into the query.
const MAX_DESCRIPTION: usize = 200;
/// The query parameter of an invitation link.
const INVITATION: &str = "invitation_token";

/// The most bytes of a code that is passed on to WorkOS, whose codes have 26 characters.
const MAX_CODE: usize = 1_024;

/// The query of the callback; empty parameters count as missing, and so do codes that WorkOS cannot have written.
pub(crate) struct CallbackQuery {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) error: Option<String>,
    error_description: Option<String>,
}

impl CallbackQuery {
    pub(crate) fn from_request(request: &HttpRequest) -> Self {
        Self {
            code: nonempty_value(request, "code").filter(|code| is_code(code)),
            state: nonempty_value(request, "state"),
            error: nonempty_value(request, "error"),
            error_description: nonempty_value(request, "error_description"),
        }
    }
}

/// Whether a text has the form of a code: RFC 6749 allows the visible characters of ASCII and spaces.
fn is_code(text: &str) -> bool {
    text.len() <= MAX_CODE && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn nonempty_value(request: &HttpRequest, name: &str) -> Option<String> {
    let mut pairs = query_pairs(request).into_iter();
    pairs
        .find(|(other, value)| other == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// Signs in the user whom WorkOS has authenticated, if this browser started the attempt.
pub async fn callback(
    ClientAddress(client): ClientAddress,
    request: HttpRequest,
    session: BrowserSession,
    replacement: SessionReplacement,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let query = CallbackQuery::from_request(&request);
    let now = app.clock.now();
    let device = device(&request, &app.settings.trusted_proxies);
    let attempts = LoginAttempts::from_request(&request, &app.keys, now);
    let attempt = query
        .state
        .as_deref()
        .and_then(|state| attempts.find(state));
    if attempt.is_some_and(LoginAttempt::is_foreign)
        && query.code.is_some()
        && let Some(question) = replacement.question()?
    {
        return Ok(question);
    }
    let next = attempt.map_or("/", LoginAttempt::next);
    let outcome = match (&query.error, &query.code, attempt) {
        (Some(error), _, _) => refusal(error, query.error_description.as_deref(), next),
        // Impersonation and invitation links of WorkOS's dashboard have no state.
        (None, Some(_), None) if query.state.is_none() => Ok(redirect(&new_login_url(&request))),
        (None, Some(_), Some(_)) if is_prefetch(&request) => {
            return Ok(HttpResponse::NoContent().finish());
        }
        // WorkOS may have used its own session instead of asking for credentials.
        (None, Some(_), Some(attempt))
            if replacement.idle_since().is_some_and(|last_use| {
                !attempt.requirement().asks_for_credentials_after(last_use)
            }) =>
        {
            Ok(redirect(&login_as_another_url(next)))
        }
        (None, Some(code), Some(attempt)) => {
            let callback = WorkosCallback {
                code: code.clone(),
                code_verifier: attempt.pkce().verifier,
                attempt: attempt.fingerprint(),
                began_at: attempt.began_at().unwrap_or(now),
                requirement: attempt.requirement().clone(),
                previous: session.peek(app.clock.now()).map(|state| state.session_id),
                device: device.clone(),
                client,
            };
            match app.sign_in.handle_callback(callback).await {
                Ok(state) => {
                    let started = session.start(state);
                    started
                        .map_err(|error| InternalError::new("write the session cookie", error))?;
                    Ok(redirect(redirect_target(
                        next,
                        &app.settings.login_redirect_url,
                    )))
                }
                // WorkOS requires one more step.
                Err(SignInFailure::Workos(error)) => {
                    let authorize = AuthorizeRedirect {
                        workos: &app.workos,
                        redirect_uri: Site::of(&request, &app.settings).redirect_uri,
                        keys: &app.keys,
                        now: app.clock.now(),
                        secure: app.secure(),
                    };
                    let current = session.peek(now).map(|state| state.session_id);
                    let sign_in = &app.sign_in;
                    step::take_over(&request, sign_in, authorize, error, attempt, current).await
                }
                Err(failure) => Err(failure),
            }
        }
        (None, _, _) if attempts.is_empty() => Err(SignInFailure::AttemptCookieMissing),
        (None, _, _) => Err(SignInFailure::StateMismatch),
    };
    let (mut response, attempt_is_over) = match outcome {
        Ok(response) => (response, true),
        // If WorkOS was unavailable, the code may still be valid: reloading the page tries it again.
        Err(failure) => {
            app.failures.count_any(failure.audit_event(), &device, now);
            let attempt_is_over = !failure.keeps_the_code();
            (
                HttpResponse::from_error(Error::sign_in(failure, next)),
                attempt_is_over,
            )
        }
    };
    if let Some(attempt) = attempt.filter(|_| attempt_is_over) {
        response.add_cookie(&attempt.removal(app.secure()))?;
    }
    Ok(response)
}

/// The response to an error that WorkOS returned instead of a code.
fn refusal(
    error: &str,
    description: Option<&str>,
    next: &str,
) -> Result<HttpResponse, SignInFailure> {
    if error == "access_denied" {
        return Ok(redirect(&cancelled_url(next)));
    }
    let plain =
        error.len() <= MAX_ERROR_CODE && error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let description = description.unwrap_or_default().chars();
    Err(SignInFailure::Provider {
        code: if plain { error } else { "unknown_error" }.to_owned(),
        description: description.take(MAX_DESCRIPTION).collect(),
    })
}

/// The address that starts a new attempt, for a callback without a state. An invitation is kept.
fn new_login_url(request: &HttpRequest) -> String {
    let invitation = nonempty_value(request, INVITATION);
    let parameters = invitation.map(|token| (INVITATION, token));
    login_with_url("/", parameters.as_slice())
}
