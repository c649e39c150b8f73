//! `GET` and `POST /auth/step`: what WorkOS still asks for before it lets somebody in.

mod cookie;
pub(super) mod elsewhere;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use self::cookie::Secret;
use super::attempt::Attempt;
use super::callback::landing;
use super::form::{Form, complaint};
use super::pages::{Ask, Choice, Step};
use super::{pairs, redirect, render};
use crate::error::{Error, InternalError, SignInFailure};
use crate::http::throttle::SignInThrottle;
use crate::links::{login_as_another_url, login_url, step_url};
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::sign_in::{self, Ended, Kept, Outcome, Slip, Turn, Unfinished, UnfinishedRow};
use crate::state::AppState;
use crate::workos::{NextStep, Organization, PendingAuthentication, StepQuestion, WorkosError};

const NO_CODE: &str = "Type the code in as it was given to you.";
const WRONG: &str = "This code is not right. Check it and try again.";
const USED: &str = "This code was used already. Wait for the next one.";
const STALE: &str = "This code has expired. Type the one that is shown now.";
const NOT_ON_THE_LIST: &str = "Choose one of your organisations.";
const NOT_A_MEMBER: &str = "You cannot sign in to this organisation any more. Choose another one.";

/// What a sign-in that WorkOS stopped becomes: a form of ours, or a fresh sign-in at WorkOS.
pub(super) async fn take_over(
    request: &HttpRequest,
    app: &AppState,
    error: WorkosError,
    attempt: &Attempt,
) -> Result<HttpResponse, SignInFailure> {
    let organization = attempt.organization_id();
    match error.next_step() {
        None => Err(error.into()),
        Some(NextStep::Hosted(elsewhere)) => {
            log::info!("a sign-in goes on at WorkOS: {error}");
            let next = attempt.next();
            let answer = match attempt.continues() {
                true => elsewhere::page(elsewhere, organization, next, true),
                false => elsewhere::begin(request, app, elsewhere, organization, next),
            };
            Ok(answer.map_err(|error| InternalError::new("start a sign-in at WorkOS", error))?)
        }
        Some(NextStep::Answerable(pending)) => {
            log::info!("a sign-in waits for an answer: {error}");
            let unfinished = Unfinished {
                pending: pending.clone(),
                attempt: attempt.fingerprint(),
                next: attempt.next().to_owned(),
                organization_id: organization.map(str::to_owned),
            };
            let now = app.clock.now();
            let secret = Secret::generate(now)?;
            let id = secret.id();
            unfinished.keep(app, &id, now).await?;
            let mut response = redirect(&step_url(cookie::handle_of(&id)));
            let added = response.add_cookie(&secret.cookie(app.secure()));
            added.map_err(|error| InternalError::new("set a cookie", error))?;
            Ok(response)
        }
    }
}

/// The form.
pub async fn get(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let (row, kept) = find(&request, &app).await?;
    let Kept::Waits(unfinished) = kept else {
        return Err(already_used(kept.next()));
    };
    let mut response = show(&row, &unfinished, "", None)?;
    for cookie in cookie::surplus(&request, app.secure()) {
        response.add_cookie(&cookie)?;
    }
    Ok(response)
}

/// Passes the answer on to WorkOS, and signs in whom it then lets in.
pub async fn post(
    _: SignInThrottle,
    request: HttpRequest,
    body: web::Bytes,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let (row, kept) = find(&request, &app).await?;
    let unfinished = match kept {
        Kept::Waits(unfinished) => unfinished,
        Kept::Ended(ended) => return sent_again(&app, &session, &row.id, ended).await,
    };
    if form
        .value("asked")
        .is_some_and(|asked| asked != asked_at(&row))
    {
        // It answers the question before, which another click has answered.
        return Ok(redirect(&step_url(cookie::handle_of(&row.id))));
    }
    let given = match given(&unfinished.pending.question, &form) {
        Ok(given) => given,
        Err(complaint) => return show(&row, &unfinished, "", Some(&complaint)),
    };
    let turn = Turn {
        row: row.clone(),
        unfinished: unfinished.clone(),
        given: given.clone(),
        previous: session.peek(app.clock.now()).map(|state| state.session_id),
        device: device(&request, &app.settings.trusted_proxies),
    };
    match sign_in::settle(&app.clone().into_inner(), turn).await {
        Outcome::Slip(slip) => show(&row, &unfinished, &given, Some(words(slip))),
        outcome => conclude(&app, &session, &row.id, &unfinished.next, outcome),
    }
}

/// The form of a sign-in that has just ended: a double click, or an answer that was lost.
async fn sent_again(
    app: &AppState,
    session: &BrowserSession,
    id: &str,
    ended: Ended,
) -> Result<HttpResponse, Error> {
    let next = ended.next.clone();
    let outcome = ended.told_again(app).await?;
    conclude(app, session, id, &next, outcome)
}

fn conclude(
    app: &AppState,
    session: &BrowserSession,
    id: &str,
    next: &str,
    outcome: Outcome,
) -> Result<HttpResponse, Error> {
    let form = step_url(cookie::handle_of(id));
    let mut response = match outcome {
        Outcome::SignedIn(state) => {
            let begun = session.begin(*state);
            begun.map_err(|error| InternalError::new("write the session cookie", error))?;
            redirect(landing(app, next))
        }
        // Chromium would hold a redirect after a form to the page's policy, which cannot name
        // every organisation's single sign-on: so a link.
        Outcome::Elsewhere(elsewhere, organization) => {
            elsewhere::page(&elsewhere, organization.as_deref(), next, false)?
        }
        Outcome::Asks | Outcome::Slip(_) => return Ok(redirect(&form)),
        Outcome::NotNow(failure) => return Err(Error::sign_in(failure, next).on_form(&form)),
        Outcome::Failed(failure) => HttpResponse::from_error(Error::sign_in(failure, next)),
    };
    response.add_cookie(&cookie::removal(id, app.secure()))?;
    Ok(response)
}

/// What is wrong with an answer that may be given again.
fn words(slip: Slip) -> &'static str {
    match slip {
        Slip::Wrong => WRONG,
        Slip::Used => USED,
        Slip::Stale => STALE,
        Slip::NotAMember => NOT_A_MEMBER,
    }
}

/// The answer, as WorkOS wants it, or what is wrong with it by itself.
fn given(question: &StepQuestion, form: &Form) -> Result<String, String> {
    match question {
        StepQuestion::Organization(organizations) => {
            let id = form.value("organization_id").unwrap_or_default();
            let listed = organizations.iter().any(|one| one.id == id);
            match complaint(id) {
                None if !listed => Err(NOT_ON_THE_LIST.to_owned()),
                None => Ok(id.to_owned()),
                Some(_) if id.is_empty() => Err(NOT_ON_THE_LIST.to_owned()),
                Some(complaint) => Err(complaint),
            }
        }
        StepQuestion::Email(_) | StepQuestion::Totp { .. } => {
            let typed = form.value("code").unwrap_or_default().trim();
            match complaint(typed) {
                Some(complaint) => Err(complaint),
                None => sign_in::code(typed).ok_or_else(|| NO_CODE.to_owned()),
            }
        }
    }
}

/// The sign-in that this tab is about: its row, and what that says.
async fn find(request: &HttpRequest, app: &AppState) -> Result<(UnfinishedRow, Kept), Error> {
    let handle = pairs(request).into_iter().find(|(name, _)| name == "id");
    let ids = cookie::ids(request, handle.as_ref().map(|(_, handle)| handle.as_str()));
    match Kept::newest(app, ids).await? {
        Some((row, kept)) if row.is_live(app.clock.now()) => Ok((row, kept)),
        Some((_, kept)) => Err(Error::sign_in(
            SignInFailure::AttemptCookieMissing,
            kept.next(),
        )),
        None => Err(Error::sign_in(SignInFailure::AttemptCookieMissing, "/")),
    }
}

fn already_used(next: &str) -> Error {
    Error::sign_in(SignInFailure::AttemptAlreadyUsed, next)
}

/// Tells one question of a sign-in's from the next.
fn asked_at(row: &UnfinishedRow) -> String {
    row.asked_at.utc().timestamp_micros().to_string()
}

fn show(
    row: &UnfinishedRow,
    unfinished: &Unfinished,
    chosen: &str,
    complaint: Option<&str>,
) -> Result<HttpResponse, Error> {
    let PendingAuthentication { question, .. } = &unfinished.pending;
    let choices;
    let ask = match question {
        StepQuestion::Organization(organizations) => {
            choices = by_name(organizations, chosen);
            Ask::Organization(&choices)
        }
        StepQuestion::Email(email) => Ask::Email(email.as_deref()),
        StepQuestion::Totp { .. } => Ask::Totp,
    };
    let errors = complaint.map(str::to_owned);
    let page = Step {
        page: render::bare(),
        action: &step_url(cookie::handle_of(&row.id)),
        asked_at: &asked_at(row),
        ask,
        errors: errors.as_slice(),
        afresh_url: &login_url(&unfinished.next),
        another_url: &login_as_another_url(&unfinished.next),
    };
    render::page(StatusCode::OK, &page)
}

/// In the order in which people look for a name.
pub(super) fn by_name<'a>(organizations: &'a [Organization], chosen: &str) -> Vec<Choice<'a>> {
    let mut choices: Vec<Choice<'a>> = organizations
        .iter()
        .map(|one| Choice {
            id: &one.id,
            name: if one.name.trim().is_empty() {
                &one.id
            } else {
                &one.name
            },
            checked: one.id == chosen,
            focused: one.id == chosen,
        })
        .collect();
    choices.sort_by_cached_key(|choice| choice.name.to_lowercase());
    if !choices.iter().any(|choice| choice.checked)
        && let Some(first) = choices.first_mut()
    {
        first.focused = true;
    }
    choices
}
