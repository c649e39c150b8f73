//! `GET` and `POST /login/code`: the second step of a log-in with a password, for accounts with an
//! authenticator app.
//!
//! A cookie keeps the state between the steps, encrypted, for ten minutes.

use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::code_errors::code_error;
use super::form::{Form, field_error, not_an_attempt};
use super::pages::LoginCodePage;
use super::{query_value, redirect, redirect_target, render, valid_next};
use crate::accounts::second_factor::CodeRejection;
use crate::error::{Error, InternalError};
use crate::http::site::Site;
use crate::http::throttled::{PasswordFormThrottle, client_address};
use crate::links::{login_code_url, login_expired_url, password_login_url};
use crate::middleware::{LOGIN_CODE, device};
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_in::{CodeSignInError, PendingPassword, normalize_code};
use crate::state::AppState;

const WRONG_RECOVERY_CODE: &str =
    "This recovery code is not right, or was used before. Check it, or try another one.";

/// The redirect to the form, after the password was right.
pub(super) fn ask(
    app: &AppState,
    pending: &PendingPassword,
    next: &str,
) -> Result<HttpResponse, Error> {
    let sealed = app.sign_in.seal_pending_password(pending);
    let sealed =
        sealed.ok_or_else(|| InternalError::new("seal a log-in", "the encryption failed"))?;
    let mut cookie = Cookie::new(LOGIN_CODE.prefix, sealed);
    LOGIN_CODE.set_attributes(&mut cookie, app.secure());
    cookie.set_max_age(Duration::seconds(PendingPassword::MAX_AGE.num_seconds()));
    let mut response = redirect(&login_code_url(next, false));
    response.add_cookie(&cookie)?;
    Ok(response)
}

/// Shows the form.
pub async fn get(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let next = query_value(&request, "next");
    let next = valid_next(next.as_deref(), &Site::of(&request, &app.settings));
    if pending(&request, &app).is_none() {
        return Ok(redirect(&login_expired_url(&next)));
    }
    let recovery = query_value(&request, "recovery").is_some();
    show(&next, recovery, &[])
}

/// Signs in a user who entered the right code.
pub async fn post(
    throttle: PasswordFormThrottle,
    request: HttpRequest,
    body: web::Bytes,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let next = valid_next(form.value("next"), &Site::of(&request, &app.settings));
    let Some(pending) = pending(&request, &app) else {
        return Ok(not_an_attempt(redirect(&login_expired_url(&next))));
    };
    let recovery = form.value("recovery").is_some();
    let typed = form.value("code").unwrap_or_default();
    if let Some(error) = field_error(typed.trim()) {
        return show(&next, recovery, &[error]).map(not_an_attempt);
    }
    let form_url = login_code_url(&next, recovery);
    let (user_id, version) = (pending.user_id(), pending.token_version());
    let on_form = |error: Error| error.on_form(&form_url);
    let admitted = throttle.admit_account(&app.throttle, user_id, version);
    let (_, browser) = admitted.map_err(on_form)?;
    let client = client_address(&request, &app.settings);
    let attempt = app.throttle.begin_code(client, user_id);
    let attempt = attempt.map_err(on_form)?;
    let now = app.clock.now();
    let previous = session.peek(now).map(|state| state.session_id);
    let device = device(&request, &app.settings.trusted_proxies);
    let code = normalize_code(typed).unwrap_or_default();
    let outcome = app
        .sign_in
        .session_for_code(pending, code, previous, device, now)
        .await;
    attempt.finish(outcome.as_ref().is_err_and(CodeSignInError::is_guess));
    match outcome {
        Ok((state, account)) => {
            let known = browser.cookie_after_sign_in(&account, &app.keys, app.secure(), now);
            signed_in(&app, &session, state, known, &next)
        }
        Err(CodeSignInError::Expired) => Ok(redirect(&login_expired_url(&next))),
        Err(error) => {
            let error = form_error(error, recovery, &form_url)?;
            show(&next, recovery, &[error.to_owned()])
        }
    }
}

/// Begins the session and ends the state between the steps.
fn signed_in(
    app: &AppState,
    session: &BrowserSession,
    state: SessionState,
    known_browser: Option<Cookie<'static>>,
    next: &str,
) -> Result<HttpResponse, Error> {
    let begun = session.start(state);
    begun.map_err(|error| InternalError::new("write the session cookie", error))?;
    let mut response = redirect(redirect_target(next, &app.settings.login_redirect_url));
    let removal = LOGIN_CODE.removal(LOGIN_CODE.prefix.to_owned(), app.secure());
    for cookie in [Some(removal), known_browser].iter().flatten() {
        response.add_cookie(cookie)?;
    }
    Ok(response)
}

/// The form's error, or the error page of a failure that is not the code's.
fn form_error(
    error: CodeSignInError,
    recovery: bool,
    form_url: &str,
) -> Result<&'static str, Error> {
    match error {
        CodeSignInError::Rejected(CodeRejection::Wrong) if recovery => Ok(WRONG_RECOVERY_CODE),
        CodeSignInError::Rejected(rejection) => code_error(rejection, form_url),
        CodeSignInError::TooManySignIns(refusal) => {
            Err(Error::Throttled(refusal.seconds).on_form(form_url))
        }
        CodeSignInError::Database(error) => Err(Error::from(error).on_form(form_url)),
        error => Err(InternalError::new("sign in with a code", error).into()),
    }
}

/// The state between the steps, from the request's cookie.
fn pending(request: &HttpRequest, app: &AppState) -> Option<PendingPassword> {
    let cookie = request.cookie(LOGIN_CODE.prefix)?;
    app.sign_in
        .open_pending_password(cookie.value(), app.clock.now())
}

fn show(next: &str, recovery: bool, errors: &[String]) -> Result<HttpResponse, Error> {
    let page = LoginCodePage {
        page: render::bare_frame(),
        next,
        recovery,
        errors,
        other_url: &login_code_url(next, !recovery),
        restart_url: &password_login_url(next),
    };
    render::page(StatusCode::OK, &page)
}
