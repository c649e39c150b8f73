//! `POST /account/password`: sets a new password after the old one was entered.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};

use super::account::AccountView;
use super::form::{Form, field_error};
use super::pages::PasswordChangeErrors;
use super::{none_if_refused, redirect};
use crate::accounts::passwords::PasswordSource;
use crate::accounts::passwords::validators::{UserAttributes, validate};
use crate::accounts::{CredentialError, PasswordChange, User, change_password, has_password};
use crate::audit::AuditEvent;
use crate::error::Error;
use crate::http::recent_session::RecentSession;
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::sign_in::LOCAL_PASSWORD;
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
    // The old password is checked only if the rest of the form is valid, so that somebody who finds an
    // open session cannot guess it without changing the password.
    if !errors.any() {
        let [new, _] = new;
        let now = app.clock.now();
        let change = PasswordChange {
            user_id: account.id,
            old,
            new,
            source: PasswordSource::KnownBrowser(account.email_key.clone()),
            keep: user.session_id.clone(),
            device: device(&request, &app.settings.trusted_proxies),
            now,
        };
        let outcome = change_password(&app.database, &app.hasher, policy, change).await;
        if let Err(CredentialError::Refused(_)) = &outcome {
            let failed = AuditEvent::SignInFailed {
                user_id: Some(account.id),
                method: LOCAL_PASSWORD.to_owned(),
                reason: "refused old password".to_owned(),
            };
            let device = device(&request, &app.settings.trusted_proxies);
            app.failures.count(failed, &device, now);
        }
        if none_if_refused(outcome, PAGE)?.is_some() {
            // So that this replica does not wait for its next reading.
            if let Err(error) = app.revocations.refresh(&app.database, now).await {
                log::warn!(
                    "failed to read the ended sessions, which end with the next reading: {error}"
                );
            }
            return Ok(redirect("/account?notice=password-changed"));
        }
        errors.old_password.push(WRONG_OLD_PASSWORD.to_owned());
    }
    view.page_with_password_errors(&user, &errors).await
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
                email: &account.email,
                first_name: &account.first_name,
                last_name: &account.last_name,
            };
            errors.new_password2 = validate(second, &about);
        }
    }
    errors
}
