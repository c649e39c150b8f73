//! `GET` and `POST /account/authenticator`: sets up an authenticator app as the second factor of the
//! account's password, makes new recovery codes, and removes the factor.

mod actions;
mod pending_setup;
mod show;

use actix_web::{HttpRequest, HttpResponse, web};

use self::actions::{CodeRequest, make_recovery_codes, remove, set_up};
use self::show::{PAGE, show};
use super::account::AccountView;
use super::form::{Form, field_error};
use super::pages::AuthenticatorForms;
use crate::accounts::{User, has_password};
use crate::error::Error;
use crate::http::recent_session::RecentSession;
use crate::http::throttled::SignInThrottle;
use crate::middleware::device;
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_in::normalize_code;
use crate::state::AppState;

/// Shows the set-up, or the forms for a factor that is set up.
pub async fn get(
    RecentSession(user): RecentSession,
    session: BrowserSession,
    app: web::Data<AppState>,
    view: AccountView,
) -> Result<HttpResponse, Error> {
    let account = account(&app, &view, &user, &session).await?;
    show(&app, &user, &account, AuthenticatorForms::default()).await
}

/// Does what the form's field `action` says.
pub async fn post(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: web::Bytes,
    RecentSession(user): RecentSession,
    session: BrowserSession,
    app: web::Data<AppState>,
    view: AccountView,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let account = account(&app, &view, &user, &session).await?;
    let typed = form.value("code").unwrap_or_default();
    let request = CodeRequest {
        account,
        code: normalize_code(typed).unwrap_or_default(),
        missing: field_error(typed.trim()),
        client,
        device: device(&request, &app.settings.trusted_proxies),
        now: app.clock.now(),
    };
    match form.value("action") {
        Some("remove") => remove(&app, &user, request).await,
        Some("recovery-codes") => make_recovery_codes(&app, &user, request).await,
        _ => {
            let setup = form.value("setup").unwrap_or_default();
            set_up(&app, &user, &session, request, setup).await
        }
    }
}

/// The account of the session, if it may have a second factor.
async fn account(
    app: &AppState,
    view: &AccountView,
    user: &SessionState,
    session: &BrowserSession,
) -> Result<User, Error> {
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    let account = view.active_account(user, session).await;
    let account = account.map_err(|error| error.on_form(PAGE))?;
    if !has_password(&account, app.settings.password_login) {
        return Err(Error::NoSecondFactor);
    }
    Ok(account)
}
