//! `POST /account/password`: sets a new password after the old one was entered.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};

use super::account::AccountView;
use super::form::{Form, field_error};
use super::pages::PasswordChangeErrors;
use super::{none_if_refused, redirect};
use crate::accounts::passwords::PasswordSource;
use crate::accounts::passwords::validators::{UserAttributes, validate};
use crate::accounts::{
    CredentialError, PasswordChange, User, change_password, has_password, name_keys,
};
use crate::audit::{AuditEvent, RevocationReason};
use crate::authentication_method::AuthenticationMethod;
use crate::error::{Error, InternalError};
use crate::http::recent_session::RecentSession;
use crate::http::throttled::client_address;
use crate::middleware::device;
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_out::{SignOutRequest, WorkosLogOut};
use crate::state::AppState;

/// The form's page.
const PAGE: &str = "/account";
// Django's sentences.
const WRONG_OLD_PASSWORD: &str =
    "Your old password was entered incorrectly. Please enter it again.";
const PASSWORD_MISMATCH: &str = "The two password fields didn’t match.";

/// Changes the password and ends the account's other sessions.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    RecentSession(user): RecentSession,
    session: BrowserSession,
    app: web::Data<AppState>,
    view: AccountView,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    let account = view.active_account(&user, &session).await;
    let account = account.map_err(|error| error.on_form(PAGE))?;
    let policy = app.settings.password_login;
    if !has_password(&account, policy) {
        return Err(Error::NoPassword);
    }
    let old = form.password("old_password");
    let new = [
        form.password("new_password1"),
        form.password("new_password2"),
    ];
    let mut errors = form_errors(&old, &new, &account);
    if !errors.any() {
        errors.new_password2 = blocklist_errors(&app, &new[0]).await?;
    }
    // The old password is checked only if the rest of the form is valid, so that somebody who finds an
    // open session cannot guess it without changing the password.
    if !errors.any() {
        let [new, _] = new;
        match change_once(&app, &request, &user, &account, (old, new)).await? {
            PasswordFormOutcome::Changed => {
                session.remove_tokens();
                return Ok(redirect("/account?notice=password-changed"));
            }
            PasswordFormOutcome::TooManyWrong => {
                return end_guessed_session(&app, &request, &user, &session).await;
            }
            PasswordFormOutcome::WrongOldPassword => {
                errors.old_password.push(WRONG_OLD_PASSWORD.to_owned());
            }
        }
    }
    view.page_with_password_errors(&user, &errors).await
}

/// What became of a form without errors.
enum PasswordFormOutcome {
    /// The new password is stored.
    Changed,
    /// The old password was wrong.
    WrongOldPassword,
    /// The old password was wrong once too often for this session.
    TooManyWrong,
}

/// Compares the old password and stores the new one, within the limits of wrong passwords.
async fn change_once(
    app: &AppState,
    request: &HttpRequest,
    user: &SessionState,
    account: &User,
    (old, new): (SecretString, SecretString),
) -> Result<PasswordFormOutcome, Error> {
    let client = client_address(request, &app.settings);
    let names = name_keys(account);
    let counted = app.throttle.count_account_change(account.id);
    counted.map_err(|error| error.on_form(PAGE))?;
    let in_session = app.throttle.begin_old_password(&user.session_id);
    let in_session = in_session.map_err(|error| error.on_form(PAGE))?;
    let attempt = match app.throttle.begin_own_password(client, account.id, &names) {
        Ok(attempt) => attempt,
        Err(error) => {
            in_session.was_not_compared();
            return Err(error.on_form(PAGE));
        }
    };
    let now = app.clock.now();
    let change = PasswordChange {
        user_id: account.id,
        old,
        new,
        source: PasswordSource::KnownBrowser {
            account: account.id.to_string(),
            browser: user.session_id.to_string(),
        },
        keep: user.session_id.clone(),
        device: device(request, &app.settings.trusted_proxies),
        now,
    };
    let policy = app.settings.password_login;
    let outcome = change_password(&app.database, &app.hasher, policy, change).await;
    attempt.finish(matches!(outcome, Err(CredentialError::Refused(_))));
    if let Err(CredentialError::Refused(_)) = &outcome {
        let failed = AuditEvent::SignInFailed {
            user_id: Some(account.id),
            method: AuthenticationMethod::LocalPassword.into(),
            reason: "refused old password".to_owned(),
        };
        let device = device(request, &app.settings.trusted_proxies);
        app.failures.count(failed, &device, now);
    }
    match &outcome {
        Ok(_) => in_session.was_right(),
        Err(CredentialError::Refused(_)) => {
            if in_session.was_wrong() {
                return Ok(PasswordFormOutcome::TooManyWrong);
            }
        }
        Err(_) => in_session.was_not_compared(),
    }
    if none_if_refused(outcome, PAGE)?.is_none() {
        return Ok(PasswordFormOutcome::WrongOldPassword);
    }
    app.at_workos.send_soon();
    // So that this replica does not wait for its next reading.
    if let Err(error) = app.revocations.refresh(&app.database, now).await {
        log::warn!("failed to read the ended sessions, which end with the next reading: {error}");
    }
    Ok(PasswordFormOutcome::Changed)
}

/// Ends a session in which too many wrong old passwords were sent.
async fn end_guessed_session(
    app: &AppState,
    request: &HttpRequest,
    user: &SessionState,
    session: &BrowserSession,
) -> Result<HttpResponse, Error> {
    let request = SignOutRequest {
        session_id: Some(user.session_id.clone()),
        device: device(request, &app.settings.trusted_proxies),
        reason: Some(RevocationReason::WrongPasswords),
        log_out: WorkosLogOut::Server,
        ..SignOutRequest::default()
    };
    let now = app.clock.now();
    app.sign_out.sign_out(request, now).await?;
    // Also if the row was deleted.
    app.revocations
        .add_revoked(&user.session_id, user.expires_at);
    session.remove();
    let next = PAGE.to_owned();
    Err(Error::SessionOver { next })
}

/// The error of a new password that is in the blocklist.
async fn blocklist_errors(app: &AppState, new: &SecretString) -> Result<Vec<String>, Error> {
    let (validator, new) = (Arc::clone(&app.password_validator), new.clone());
    let errors = web::block(move || validator.blocklist_errors(new.expose_secret())).await;
    let failed = |error| InternalError::new("search the blocklist of passwords", error).into();
    match errors {
        Ok(Ok(errors)) => Ok(errors),
        Ok(Err(error)) => Err(failed(Box::<dyn std::error::Error + Send + Sync>::from(
            error,
        ))),
        Err(error) => Err(failed(error.to_string().into())),
    }
}

/// The errors that the form has by itself, in Django's sentences.
fn form_errors(
    old: &SecretString,
    new: &[SecretString; 2],
    account: &User,
) -> PasswordChangeErrors {
    let [first, second] = new.each_ref().map(ExposeSecret::expose_secret);
    let mut errors = PasswordChangeErrors {
        old_password: Vec::from_iter(field_error(old.expose_secret())),
        new_password1: Vec::from_iter(field_error(first)),
        new_password2: Vec::from_iter(field_error(second)),
    };
    if errors.new_password2.is_empty() {
        if errors.new_password1.is_empty() && first != second {
            errors.new_password2.push(PASSWORD_MISMATCH.to_owned());
        } else {
            let about = UserAttributes {
                username: account.username.as_deref().unwrap_or_default(),
                email: &account.email,
                first_name: &account.first_name,
                last_name: &account.last_name,
            };
            errors.new_password2 = validate(second, &about);
        }
    }
    errors
}
