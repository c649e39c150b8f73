//! `GET` and `POST /auth/step`: the next step of a sign-in that WorkOS has not completed.

pub(super) mod continue_at_workos;
pub(super) mod cookie;
mod form;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use self::cookie::StepSecret;
use self::form::{answer_in, rejection_message};
use super::form::{Form, not_an_attempt};
use super::login::AuthorizeRedirect;
use super::login_attempt::LoginAttempt;
use super::pages::{OrganizationChoice, StepPage, StepPrompt};
use super::session_replacement::idle_since;
use super::{query_value, redirect, redirect_target, render};
use crate::clock::Timestamp;
use crate::error::{Error, InternalError, SignInFailure};
use crate::http::throttled::{ClientAddress, keep};
use crate::ids::SessionId;
use crate::links::{login_as_another_url, login_url, step_url};
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::settings::Settings;
use crate::sign_in::{
    PendingSignIn, PendingSignInRow, PendingState, SignInService, StepOutcome, StepSubmission,
};
use crate::state::AppState;
use crate::workos::{NextStep, PendingAuthentication, StepQuestion, WorkosError};

/// Continues a sign-in that WorkOS has interrupted: with a form of this site, or with a new sign-in at
/// WorkOS.
pub(super) async fn take_over(
    request: &HttpRequest,
    sign_in: &SignInService,
    authorize: AuthorizeRedirect<'_>,
    error: WorkosError,
    attempt: &LoginAttempt,
    session_id: Option<SessionId>,
) -> Result<HttpResponse, SignInFailure> {
    let organization = attempt.organization_id();
    let (now, secure) = (authorize.now, authorize.secure);
    match error.next_step() {
        None => Err(error.into()),
        Some(NextStep::Hosted(step)) => {
            log::info!("a sign-in continues at WorkOS: {error}");
            let (frame, next) = (render::bare_frame(), attempt.next());
            let response = match attempt.is_continuation() {
                true => continue_at_workos::page(frame, step, organization, next, true),
                false => continue_at_workos::redirect(request, authorize, step, attempt),
            };
            Ok(response.map_err(|error| InternalError::new("start a sign-in at WorkOS", error))?)
        }
        Some(NextStep::Answerable(pending)) => {
            log::info!("a sign-in needs another step: {error}");
            if let Some(subject) = &pending.subject {
                let app = AppState::of(request)?;
                app.throttle.count_pending_sign_in(subject)?;
            }
            let pending_sign_in = PendingSignIn {
                pending: pending.clone(),
                attempt: attempt.fingerprint(),
                next: attempt.next().to_owned(),
                organization_id: organization.cloned(),
                session_id,
                began_at: Some(now.utc().timestamp_micros()),
                requirement: attempt.requirement().clone(),
                answered_by: None,
            };
            let secret = StepSecret::generate(now, secure)?;
            let id = secret.row_id();
            sign_in.store_pending(pending_sign_in, &id, now).await?;
            let mut response = redirect(&step_url(cookie::handle_of(&id)));
            let added = response.add_cookie(&secret.cookie());
            added.map_err(|error| InternalError::new("set a cookie", error))?;
            Ok(response)
        }
    }
}

/// Shows the form.
pub async fn get(
    request: HttpRequest,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let (row, state) = find(&request, &app.sign_in, app.clock.now()).await?;
    let PendingState::Waiting(sign_in) = state else {
        return Err(already_used(state.next()));
    };
    let current = session.peek(app.clock.now()).map(|state| state.session_id);
    let device = device(&request, &app.settings.trusted_proxies);
    if !sign_in.may_be_answered_by(&device, current.as_ref()) {
        return Err(already_used(&sign_in.next));
    }
    let mut response = show(&row, &sign_in, "", None)?;
    for cookie in cookie::surplus_removals(&request, app.secure()) {
        response.add_cookie(&cookie)?;
    }
    Ok(response)
}

/// Sends the answer to WorkOS, and signs the user in if WorkOS accepts it.
pub async fn post(
    ClientAddress(client): ClientAddress,
    request: HttpRequest,
    body: web::Bytes,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let (row, state) = find(&request, &app.sign_in, app.clock.now()).await?;
    let form_url = step_url(cookie::handle_of(&row.id));
    let counted = app.throttle.count_step(&row.id);
    keep(&request, counted.map_err(|error| error.on_form(&form_url))?);
    let device = device(&request, &app.settings.trusted_proxies);
    let sign_in = match state {
        PendingState::Waiting(sign_in) => sign_in,
        // A double click or a lost response: the outcome is repeated.
        PendingState::Ended(ended) => {
            let next = ended.next.clone();
            let answer = form::repeated_answer(&form);
            let outcome = app.sign_in.repeat_outcome(ended, &answer, &device).await?;
            return conclude(&app.settings, &session, &row.id, &next, outcome);
        }
    };
    let previous = session.peek(app.clock.now()).map(|state| state.session_id);
    if !sign_in.may_be_answered_by(&device, previous.as_ref()) {
        return Err(already_used(&sign_in.next));
    }
    // WorkOS may have used its own session instead of asking for credentials.
    if let Some(last_use) = idle_since(&request, &session, &app).await?
        && !sign_in.requirement.asks_for_credentials_after(last_use)
    {
        return Err(already_used(&sign_in.next));
    }
    let asked = form.value("asked");
    if asked.is_some_and(|asked| asked != asked_at(&row)) {
        // The form belongs to an earlier question, which another click has answered.
        return Ok(redirect(&step_url(cookie::handle_of(&row.id))));
    }
    let answer = match answer_in(&form, &sign_in.pending.question) {
        Ok(answer) => answer,
        Err(error) => return show(&row, &sign_in, "", Some(&error)).map(not_an_attempt),
    };
    let submission = StepSubmission {
        row: row.clone(),
        pending: sign_in.clone(),
        answer: answer.clone(),
        previous,
        device,
        client,
    };
    match app.sign_in.submit_step(submission).await {
        StepOutcome::Rejected(rejection) => {
            show(&row, &sign_in, &answer, Some(rejection_message(rejection)))
        }
        outcome => {
            let ended = match outcome {
                StepOutcome::SignedIn(_) => end_other_choices(&request, &app, &row.id).await,
                _ => Vec::new(),
            };
            let response = conclude(&app.settings, &session, &row.id, &sign_in.next, outcome);
            let mut response = response?;
            for cookie in ended {
                response.add_cookie(&cookie)?;
            }
            Ok(response)
        }
    }
}

/// Ends the browser's sign-ins that wait for a choice of organisation, except for `own`, because a user has
/// signed in. Returns the cookies that remove theirs.
async fn end_other_choices(
    request: &HttpRequest,
    app: &AppState,
    own: &str,
) -> Vec<Cookie<'static>> {
    let mut ids = cookie::row_ids(request, None);
    ids.retain(|id| id != own);
    match app.sign_in.delete_choices(ids).await {
        Ok(ended) => {
            let removals = ended.iter().map(|id| cookie::removal(id, app.secure()));
            removals.collect()
        }
        Err(error) => {
            // The browser has its new session, and the response must reach it.
            log::error!(
                "failed to delete the pending sign-ins of a browser's previous user: {error}"
            );
            Vec::new()
        }
    }
}

fn conclude(
    settings: &Settings,
    session: &BrowserSession,
    id: &str,
    next: &str,
    outcome: StepOutcome,
) -> Result<HttpResponse, Error> {
    let form_url = step_url(cookie::handle_of(id));
    let mut response = match outcome {
        StepOutcome::SignedIn(state) => {
            let begun = session.start_after_step(*state);
            begun.map_err(|error| InternalError::new("write the session cookie", error))?;
            redirect(redirect_target(next, &settings.login_redirect_url))
        }
        // A page with a link: Chromium applies the policy's `form-action` to a redirect after a form,
        // and the policy cannot name every organisation's single sign-on.
        StepOutcome::ContinueAtWorkos(step, organization) => {
            let frame = render::bare_frame();
            continue_at_workos::page(frame, &step, organization.as_ref(), next, false)?
        }
        StepOutcome::NextQuestion | StepOutcome::Rejected(_) => return Ok(redirect(&form_url)),
        StepOutcome::RetryLater(failure) => {
            return Err(Error::sign_in(failure, next).on_form(&form_url));
        }
        StepOutcome::Failed(failure) => HttpResponse::from_error(Error::sign_in(failure, next)),
    };
    response.add_cookie(&cookie::removal(id, settings.public_url.is_https()))?;
    Ok(response)
}

/// Finds the sign-in that the request's `id` names, or else the newest one of the browser.
async fn find(
    request: &HttpRequest,
    sign_in: &SignInService,
    now: Timestamp,
) -> Result<(PendingSignInRow, PendingState), Error> {
    let handle = query_value(request, "id");
    let ids = cookie::row_ids(request, handle.as_deref());
    match sign_in.newest_pending(ids).await? {
        Some((row, state)) if row.is_live(now) => Ok((row, state)),
        Some((_, state)) => Err(Error::sign_in(
            SignInFailure::AttemptCookieMissing,
            state.next(),
        )),
        None => Err(Error::sign_in(SignInFailure::AttemptCookieMissing, "/")),
    }
}

fn already_used(next: &str) -> Error {
    Error::sign_in(SignInFailure::AttemptAlreadyUsed, next)
}

/// When the question was asked. The form sends it, so that an answer is not given to a later question.
fn asked_at(row: &PendingSignInRow) -> String {
    row.asked_at.utc().timestamp_micros().to_string()
}

fn show(
    row: &PendingSignInRow,
    sign_in: &PendingSignIn,
    selected: &str,
    error: Option<&str>,
) -> Result<HttpResponse, Error> {
    let PendingAuthentication { question, .. } = &sign_in.pending;
    let choices;
    let prompt = match question {
        StepQuestion::Organization(organizations) => {
            choices = OrganizationChoice::sorted(organizations.iter(), selected);
            StepPrompt::Organization(&choices)
        }
        StepQuestion::Email(email) => StepPrompt::Email(email.as_deref()),
        StepQuestion::Totp { .. } => StepPrompt::Totp,
    };
    let errors = error.map(str::to_owned);
    let page = StepPage {
        page: render::bare_frame(),
        action: &step_url(cookie::handle_of(&row.id)),
        asked_at: &asked_at(row),
        prompt,
        errors: errors.as_slice(),
        restart_url: &login_url(&sign_in.next),
        another_url: &login_as_another_url(&sign_in.next),
    };
    render::page(StatusCode::OK, &page)
}
