//! `GET /auth/callback`: WorkOS's return with a code.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use super::attempt::{Attempt, Attempts};
use super::{is_look_ahead, pairs, redirect, step};
use crate::error::{Error, InternalError, SignInFailure};
use crate::links::{cancelled_url, login_with_url};
use crate::middleware::device;
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_in::{self, SignIn, once};
use crate::state::AppState;
use crate::workos::ClientDevice;

/// WorkOS's codes are short words; anything else in the address bar is not WorkOS's.
const LONGEST_ERROR_CODE: usize = 64;
/// A sentence for the log; anyone can write one into the address bar.
const LONGEST_DESCRIPTION: usize = 200;
/// What an invitation's link carries.
const INVITATION: &str = "invitation_token";

struct Return {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Return {
    fn of(request: &HttpRequest) -> Self {
        let pairs = pairs(request);
        let first = |wanted: &str| {
            let named = pairs
                .iter()
                .find(|(name, value)| name == wanted && !value.is_empty());
            named.map(|(_, value)| value.clone())
        };
        Self {
            code: first("code"),
            state: first("state"),
            error: first("error"),
            error_description: first("error_description"),
        }
    }
}

/// Signs in whom WorkOS has authenticated, if this browser began the attempt.
pub async fn callback(
    request: HttpRequest,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let returned = Return::of(&request);
    let attempts = Attempts::of(&request, &app.keys, app.clock.now());
    let attempt = returned
        .state
        .as_deref()
        .and_then(|state| attempts.find(state));
    let next = attempt.map_or("/", Attempt::next);
    let outcome = match (&returned.error, &returned.code, attempt) {
        (Some(error), _, _) => refusal(error, returned.error_description.as_deref(), next),
        // Impersonation and invitation links of WorkOS's dashboard come without a state.
        (None, Some(_), None) if returned.state.is_none() => Ok(redirect(&afresh(&request))),
        (None, Some(_), Some(_)) if is_look_ahead(&request) => {
            return Ok(HttpResponse::NoContent().finish());
        }
        (None, Some(code), Some(attempt)) => {
            complete(&request, &session, &app, code, attempt).await
        }
        (None, _, _) if attempts.is_empty() => Err(SignInFailure::AttemptCookieMissing),
        (None, _, _) => Err(SignInFailure::StateMismatch),
    };
    let (mut response, spent) = match outcome {
        Ok(response) => (response, true),
        // The code may still be good when WorkOS was away: a reload may use it.
        Err(failure) => {
            let spent = !failure.keeps_the_code();
            (
                HttpResponse::from_error(Error::sign_in(failure, next)),
                spent,
            )
        }
    };
    if let Some(attempt) = attempt.filter(|_| spent) {
        response.add_cookie(&attempt.removal(app.secure()))?;
    }
    Ok(response)
}

/// What WorkOS tells instead of a code.
fn refusal(
    error: &str,
    description: Option<&str>,
    next: &str,
) -> Result<HttpResponse, SignInFailure> {
    if error == "access_denied" {
        return Ok(redirect(&cancelled_url(next)));
    }
    let plain = error.len() <= LONGEST_ERROR_CODE
        && error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let description = description.unwrap_or_default().chars();
    Err(SignInFailure::Provider {
        code: if plain { error } else { "unknown_error" }.to_owned(),
        description: description.take(LONGEST_DESCRIPTION).collect(),
    })
}

async fn complete(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &web::Data<AppState>,
    code: &str,
    attempt: &Attempt,
) -> Result<HttpResponse, SignInFailure> {
    let app = Arc::clone(app);
    let signing_in = sign_in(
        Arc::clone(&app),
        code.to_owned(),
        attempt.clone(),
        session.peek(app.clock.now()).map(|state| state.session_id),
        device(request, &app.settings.trusted_proxies),
    );
    let callback = (attempt.fingerprint(), code.to_owned());
    match once(&app, callback, signing_in).await {
        Ok(state) => {
            let begun = session.begin(state);
            begun.map_err(|error| InternalError::new("write the session cookie", error))?;
            Ok(redirect(landing(&app, attempt.next())))
        }
        Err(SignInFailure::Workos(error)) => step::take_over(request, &app, error, attempt).await,
        Err(failure) => Err(failure),
    }
}

/// The session of whom WorkOS authenticates, in place of the browser's `previous` one.
async fn sign_in(
    app: Arc<AppState>,
    code: String,
    attempt: Attempt,
    previous: Option<String>,
    device: ClientDevice,
) -> Result<SessionState, SignInFailure> {
    let verifier = attempt.pkce().verifier;
    let authentication = app
        .workos
        .authenticate_with_code(&code, Some(&verifier), &device)
        .await?;
    let sign_in = SignIn {
        authentication,
        attempt: attempt.fingerprint(),
        previous,
        device,
        now: app.clock.now(),
    };
    sign_in::complete(&app, sign_in).await
}

/// Where a sign-in ends.
pub(super) fn landing<'a>(app: &'a AppState, next: &'a str) -> &'a str {
    match next {
        "" => &app.settings.login_redirect_url,
        next => next,
    }
}

/// A fresh attempt for whoever comes without a state; an invitation is taken along.
fn afresh(request: &HttpRequest) -> String {
    let invitation = pairs(request)
        .into_iter()
        .find(|(name, value)| name == INVITATION && !value.is_empty());
    let wishes = invitation.map(|(_, token)| (INVITATION, token));
    login_with_url("/", wishes.as_slice())
}
