//! `GET` and `POST /auth/step`: what WorkOS still asks for before it lets somebody in.

mod cookie;
pub(super) mod elsewhere;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use self::cookie::Secret;
use super::attempt::Attempt;
use super::callback::{begin_session, landing};
use super::form::{Form, complaint};
use super::pages::{Ask, Choice, Step};
use super::{pairs, redirect, render};
use crate::api::throttled::SignInThrottle;
use crate::error::{Error, SignInFailure};
use crate::links::{login_as_another_url, login_url, step_url};
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::sign_in::{self, Unfinished};
use crate::state::AppState;
use crate::workos::{NextStep, Organization, Pending, Question, WorkosError};

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
    let internal = |error: &dyn std::fmt::Display| SignInFailure::Internal(error.to_string());
    let organization = attempt.organization_id();
    match error.next_step() {
        None => Err(error.into()),
        Some(NextStep::Elsewhere(elsewhere)) => {
            log::info!("a sign-in goes on at WorkOS: {error}");
            let next = attempt.next();
            let answer = match attempt.continues() {
                true => elsewhere::page(elsewhere, organization, next, true),
                false => elsewhere::begin(request, app, elsewhere, organization, next),
            };
            answer.map_err(|error| internal(&error))
        }
        Some(NextStep::Here(pending)) => {
            log::info!("a sign-in waits for an answer: {error}");
            let unfinished = Unfinished {
                pending: pending.clone(),
                attempt: attempt.fingerprint(),
                next: attempt.next().to_owned(),
                organization_id: organization.map(str::to_owned),
            };
            let now = app.clock.now();
            let secret = Secret::generate(now).map_err(|error| internal(&error))?;
            let id = secret.id();
            unfinished.keep(app, &id, now).await?;
            let mut response = redirect(&step_url(cookie::handle_of(&id)));
            let added = response.add_cookie(&secret.cookie(app.secure()));
            added.map_err(|error| internal(&error))?;
            Ok(response)
        }
    }
}

/// The form.
pub async fn get(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let (id, unfinished) = find(&request, &app).await?;
    let mut response = show(&id, &unfinished, "", None)?;
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
    let (id, unfinished) = find(&request, &app).await?;
    let given = match given(&unfinished.pending.question, &form) {
        Ok(given) => given,
        Err(complaint) => return show(&id, &unfinished, "", Some(&complaint)),
    };
    let device = device(&request, &app);
    let answer = sign_in::answer(&app, &unfinished.pending, &given, None, &device).await;
    let failure = match answer {
        Ok(authentication) => {
            let attempt = unfinished.attempt.clone();
            match begin_session(&app, &session, authentication, attempt, device).await {
                Ok(()) => {
                    let response = redirect(landing(&app, &unfinished.next));
                    return finished(&app, &id, response).await;
                }
                Err(failure) => failure,
            }
        }
        Err(error) => match go_on(&app, &id, &unfinished, &given, &error).await? {
            Some(response) => return Ok(response),
            None => SignInFailure::Workos(error),
        },
    };
    let keeps = failure.keeps_the_code();
    let error = Error::sign_in(failure, &unfinished.next);
    if keeps {
        // WorkOS may not have seen the answer: the form is still good.
        return Err(error.on_form(&step_url(cookie::handle_of(&id))));
    }
    finished(&app, &id, HttpResponse::from_error(error)).await
}

/// What follows an answer that did not end the sign-in; `None` where nothing does.
async fn go_on(
    app: &AppState,
    id: &str,
    unfinished: &Unfinished,
    given: &str,
    error: &WorkosError,
) -> Result<Option<HttpResponse>, Error> {
    let question = &unfinished.pending.question;
    match error.next_step() {
        Some(NextStep::Here(pending)) => {
            log::info!("a sign-in waits for one more answer: {error}");
            let next = unfinished.followed_by(pending.clone(), given);
            let kept = next.keep(app, id, app.clock.now()).await;
            kept.map_err(|failure| Error::sign_in(failure, &unfinished.next))?;
            Ok(Some(redirect(&step_url(cookie::handle_of(id)))))
        }
        Some(NextStep::Elsewhere(elsewhere)) => {
            log::info!("a sign-in goes on at WorkOS: {error}");
            let organization = match question {
                Question::Organization(_) => Some(given),
                Question::Email(_) | Question::Totp { .. } => unfinished.organization_id.as_deref(),
            };
            // Chromium would hold a redirect after a form to the page's policy, which cannot name
            // every organisation's single sign-on: so a link.
            let page = elsewhere::page(elsewhere, organization, &unfinished.next, false)?;
            finished(app, id, page).await.map(Some)
        }
        None => match wrong(question, error) {
            Some(complaint) => {
                log::info!("an answer was refused: {error}");
                show(id, unfinished, given, Some(complaint)).map(Some)
            }
            None => Ok(None),
        },
    }
}

/// What is wrong with an answer that may be given again.
fn wrong(question: &Question, error: &WorkosError) -> Option<&'static str> {
    let WorkosError::Refused { code, .. } = error else {
        return None;
    };
    match (question, code.as_str()) {
        (
            Question::Email(_) | Question::Totp { .. },
            "invalid_one_time_code" | "invalid_code" | "invalid_credentials",
        ) => Some(WRONG),
        (Question::Totp { .. }, "one_time_code_previously_used") => Some(USED),
        (Question::Totp { .. }, "one_time_code_expired") => Some(STALE),
        (Question::Organization(_), code) if sign_in::is_no_membership(code) => Some(NOT_A_MEMBER),
        _ => None,
    }
}

/// The answer, as WorkOS wants it, or what is wrong with it by itself.
fn given(question: &Question, form: &Form) -> Result<String, String> {
    match question {
        Question::Organization(organizations) => {
            let id = form.value("organization_id").unwrap_or_default();
            let listed = organizations.iter().any(|one| one.id == id);
            match complaint(id) {
                None if !listed => Err(NOT_ON_THE_LIST.to_owned()),
                None => Ok(id.to_owned()),
                Some(_) if id.is_empty() => Err(NOT_ON_THE_LIST.to_owned()),
                Some(complaint) => Err(complaint),
            }
        }
        Question::Email(_) | Question::Totp { .. } => {
            let typed = form.value("code").unwrap_or_default().trim();
            match complaint(typed) {
                Some(complaint) => Err(complaint),
                None => sign_in::code(typed).ok_or_else(|| NO_CODE.to_owned()),
            }
        }
    }
}

/// The sign-in that this tab is about: its row's id, and what it waits for.
async fn find(request: &HttpRequest, app: &AppState) -> Result<(String, Unfinished), Error> {
    let handle = pairs(request).into_iter().find(|(name, _)| name == "id");
    let ids = cookie::ids(request, handle.as_ref().map(|(_, handle)| handle.as_str()));
    let unknown = |next: &str| Error::sign_in(SignInFailure::UnknownAttempt, next);
    match Unfinished::newest(app, ids).await? {
        Some((row, unfinished)) if row.is_live(app.clock.now()) => Ok((row.id, unfinished)),
        Some((_, unfinished)) => Err(unknown(&unfinished.next)),
        None => Err(unknown("/")),
    }
}

/// The last answer of a sign-in: its row and its cookie go.
async fn finished(
    app: &AppState,
    id: &str,
    mut response: HttpResponse,
) -> Result<HttpResponse, Error> {
    Unfinished::forget(app, id).await;
    response.add_cookie(&cookie::removal(id, app.secure()))?;
    Ok(response)
}

fn show(
    id: &str,
    unfinished: &Unfinished,
    chosen: &str,
    complaint: Option<&str>,
) -> Result<HttpResponse, Error> {
    let Pending { question, .. } = &unfinished.pending;
    let choices;
    let ask = match question {
        Question::Organization(organizations) => {
            choices = by_name(organizations, chosen);
            Ask::Organization(&choices)
        }
        Question::Email(email) => Ask::Email(email.as_deref()),
        Question::Totp { .. } => Ask::Totp,
    };
    let errors = complaint.map(str::to_owned);
    let page = Step {
        page: render::bare(),
        action: &step_url(cookie::handle_of(id)),
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
        })
        .collect();
    choices.sort_by_cached_key(|choice| choice.name.to_lowercase());
    choices
}
