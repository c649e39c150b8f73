//! `POST /account/password`: a new password, for whoever knows the old one.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};

use super::account::{self, account_of};
use super::form::{Form, complaint};
use super::pages::PasswordErrors;
use super::{redirect, unless_refused};
use crate::accounts::passwords::validators::{UserAttributes, validate};
use crate::accounts::{PasswordChange, User, change_password, has_password};
use crate::error::Error;
use crate::http::session_user::{MaybeUser, login_required};
use crate::sessions::BrowserSession;
use crate::state::AppState;

/// The form's page.
const PAGE: &str = "/account";
/// Django's sentences.
const WRONG: &str = "Your old password was entered incorrectly. Please enter it again.";
const DIFFERENT: &str = "The two password fields didn’t match.";

/// Changes the password and ends the account's other sessions.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    user: MaybeUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    // This address itself cannot be returned to.
    let user = user.0.ok_or_else(|| login_required(&request, PAGE))?;
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    let account = account_of(&user, &session, &app).await;
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
    let mut errors = complaints(&old, &new, &account);
    // The old password is checked for a form alone that then changes it: whoever found an open
    // session cannot try passwords without leaving a trace.
    if !errors.any() {
        let [new, _] = new;
        let now = app.clock.now();
        let change = PasswordChange {
            user_id: account.id,
            old,
            new,
            keep: user.session_id.clone(),
            now,
        };
        let outcome = change_password(&app.database, &app.hasher, policy, change).await;
        if let Some(ended) = unless_refused(outcome, PAGE)? {
            log::info!(
                "account {} changed its password, which ended {ended} other sessions",
                account.id
            );
            // This replica need not wait for its next reading.
            if let Err(error) = app.revocations.read(&app.database, now).await {
                log::warn!("the ended sessions end with the next reading: {error}");
            }
            return Ok(redirect("/account?notice=password-changed"));
        }
        errors.old_password.push(WRONG.to_owned());
    }
    account::show(&user, &app, Some(&errors), &[], None).await
}

/// What is wrong with the form by itself, as Django would say it.
fn complaints(old: &SecretString, new: &[SecretString; 2], account: &User) -> PasswordErrors {
    let [first, second] = new.each_ref().map(ExposeSecret::expose_secret);
    let mut errors = PasswordErrors {
        old_password: Vec::from_iter(complaint(old.expose_secret())),
        new_password1: Vec::from_iter(complaint(first)),
        new_password2: Vec::from_iter(complaint(second)),
    };
    if errors.new_password2.is_empty() {
        if errors.new_password1.is_empty() && first != second {
            errors.new_password2.push(DIFFERENT.to_owned());
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
