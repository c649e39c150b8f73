//! `GET` and `POST /account/authenticator`: sets up an authenticator app as the second factor of the
//! account's password, makes new recovery codes, and removes the factor.

mod setup;

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use self::setup::Setup;
use super::account::AccountView;
use super::form::{Form, field_error};
use super::login_code::{USED_CODE, WRONG_CODE};
use super::pages::{
    AuthenticatorForms, AuthenticatorPage, AuthenticatorSetupPage, QrCode, RecoveryCodesPage,
};
use super::{redirect, render};
use crate::accounts::passwords::PasswordSource;
use crate::accounts::second_factor::{
    CodeRejection, RecoveryCodes, SecondFactor, SecondFactorError, add_totp, check_code,
    lock_account, remove_second_factor, replace_recovery_codes,
};
use crate::accounts::{User, has_password};
use crate::audit::ChangedBy;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::{Error, InternalError};
use crate::http::recent_session::RecentSession;
use crate::http::throttled::SignInThrottle;
use crate::middleware::device;
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_in::normalize_code;
use crate::state::AppState;
use crate::workos::ClientDevice;

/// The page and the address of its forms.
const PAGE: &str = "/account/authenticator";
const EXPIRED_SETUP: &str =
    "This page was open for too long. Scan the new QR code, and enter the code that the app shows.";

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
    let request = CodeRequest {
        account,
        code: normalize_code(form.value("code").unwrap_or_default()).unwrap_or_default(),
        missing: field_error(form.value("code").unwrap_or_default().trim()),
        client,
        device: device(&request, &app.settings.trusted_proxies),
        now: app.clock.now(),
    };
    match form.value("action") {
        Some("remove") => remove(&app, &user, request).await,
        Some("recovery-codes") => make_recovery_codes(&app, &user, request).await,
        _ => {
            set_up(
                &app,
                &user,
                request,
                form.value("setup").unwrap_or_default(),
            )
            .await
        }
    }
}

/// A code that was entered on this page.
struct CodeRequest {
    account: User,
    /// Without separators; empty if it cannot be a code.
    code: String,
    /// The form's error for an empty field.
    missing: Option<String>,
    client: IpAddr,
    device: ClientDevice,
    now: Timestamp,
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

async fn set_up(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
    sealed: &str,
) -> Result<HttpResponse, Error> {
    let Some(setup) = Setup::open(&app.keys, sealed, user, request.now) else {
        let setup = Setup::start(user, request.now)?;
        return show_setup(app, user, &setup, &[EXPIRED_SETUP.to_owned()]);
    };
    if let Some(error) = request.missing {
        return show_setup(app, user, &setup, &[error]);
    }
    let (keys, secret) = (app.keys.clone(), setup.secret()?);
    let outcome = app.database.write(move |conn| {
        let CodeRequest {
            account,
            code,
            device,
            now,
            ..
        } = request;
        if lock_account(conn, account.id, account.token_version)?.is_none() {
            return Ok(Err(CodeRejection::NoFactor));
        }
        add_totp(conn, &keys, account.id, (&secret, &code), (&device, now))
    });
    match outcome.await.map_err(on_form)? {
        Ok(codes) => show_codes(user, &codes),
        Err(CodeRejection::Wrong) => show_setup(app, user, &setup, &[WRONG_CODE.to_owned()]),
        // The account has changed, or has a factor by now: the page shows what is true.
        Err(_) => Ok(redirect(PAGE)),
    }
}

async fn remove(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
) -> Result<HttpResponse, Error> {
    let remove = |conn: &mut Conn, account: &User, device: &ClientDevice, now: Timestamp| {
        remove_second_factor(conn, account.id, ChangedBy::Owner, device, now)
            .map_err(SecondFactorError::from)
    };
    let account = request.account.clone();
    match with_code(app, request, remove).await? {
        Ok(_) => Ok(redirect("/account?notice=authenticator-removed")),
        Err(error) => {
            let forms = AuthenticatorForms {
                remove_errors: vec![error],
                ..AuthenticatorForms::default()
            };
            show(app, user, &account, forms).await
        }
    }
}

async fn make_recovery_codes(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
) -> Result<HttpResponse, Error> {
    let replace = |conn: &mut Conn, account: &User, device: &ClientDevice, now: Timestamp| {
        replace_recovery_codes(conn, account.id, device, now)
    };
    let account = request.account.clone();
    match with_code(app, request, replace).await? {
        Ok(codes) => show_codes(user, &codes),
        Err(error) => {
            let forms = AuthenticatorForms {
                recovery_codes_errors: vec![error],
                ..AuthenticatorForms::default()
            };
            show(app, user, &account, forms).await
        }
    }
}

/// Checks a code of the account's factor, and calls `action` in the same transaction. `Ok(Err(…))` is
/// the form's error.
async fn with_code<T: Send + 'static>(
    app: &AppState,
    request: CodeRequest,
    action: impl FnOnce(&mut Conn, &User, &ClientDevice, Timestamp) -> Result<T, SecondFactorError>
    + Send
    + 'static,
) -> Result<Result<T, String>, Error> {
    if let Some(error) = request.missing {
        return Ok(Err(error));
    }
    let source = PasswordSource::Address(request.client);
    let attempt = app.throttle.begin_password(&source, &request.account.email);
    let attempt = attempt.map_err(|error| error.on_form(PAGE))?;
    let keys = app.keys.clone();
    let outcome = app.database.write(move |conn| {
        let CodeRequest {
            account,
            code,
            device,
            now,
            ..
        } = request;
        if lock_account(conn, account.id, account.token_version)?.is_none() {
            return Ok(Err(CodeRejection::NoFactor));
        }
        match check_code(conn, &keys, account.id, &code, (&device, now))? {
            Ok(_) => action(conn, &account, &device, now).map(Ok),
            Err(rejection) => Ok::<_, SecondFactorError>(Err(rejection)),
        }
    });
    let outcome = outcome.await;
    attempt.finish(matches!(
        outcome,
        Ok(Err(CodeRejection::Wrong | CodeRejection::Used))
    ));
    let rejection = match outcome.map_err(on_form)? {
        Ok(result) => return Ok(Ok(result)),
        Err(rejection) => rejection,
    };
    let error = match rejection {
        CodeRejection::TooMany(wait) => return Err(Error::throttled_for(wait).on_form(PAGE)),
        CodeRejection::Used => USED_CODE,
        // Without a factor the page shows the set-up, which has no place for this error.
        CodeRejection::Wrong | CodeRejection::NoFactor => WRONG_CODE,
    };
    Ok(Err(error.to_owned()))
}

/// The error page of a failure, which leads back to the form.
fn on_form(error: SecondFactorError) -> Error {
    match error {
        SecondFactorError::Database(error) => Error::from(error).on_form(PAGE),
        error => InternalError::new("store a second factor", error).into(),
    }
}

/// Shows what the account's factor allows.
async fn show(
    app: &AppState,
    user: &SessionState,
    account: &User,
    forms: AuthenticatorForms,
) -> Result<HttpResponse, Error> {
    let id = account.id;
    let factor = app
        .database
        .read(move |conn| SecondFactor::of(conn, id).map_err(DbError::from));
    let factor = factor
        .await
        .map_err(|error| Error::from(error).on_form(PAGE))?;
    match factor {
        Some(factor) => {
            let page = AuthenticatorPage {
                page: render::frame(Some(user), None),
                created_at: factor.created_at.utc(),
                recovery_codes: factor.recovery_codes,
                forms: &forms,
            };
            render::page(StatusCode::OK, &page)
        }
        None => {
            let setup = Setup::start(user, app.clock.now())?;
            show_setup(app, user, &setup, &[])
        }
    }
}

fn show_setup(
    app: &AppState,
    user: &SessionState,
    setup: &Setup,
    errors: &[String],
) -> Result<HttpResponse, Error> {
    let secret = setup.secret()?;
    let uri = secret.uri(app.settings.public_url.host(), &user.email);
    let qr_code = QrCode::new(&uri);
    let page = AuthenticatorSetupPage {
        page: render::frame(Some(user), None),
        qr_code: qr_code.as_ref(),
        uri: &uri,
        secret: &secret.in_groups(),
        setup: &setup.seal(&app.keys)?,
        errors,
    };
    render::page(StatusCode::OK, &page)
}

fn show_codes(user: &SessionState, codes: &RecoveryCodes) -> Result<HttpResponse, Error> {
    let page = RecoveryCodesPage {
        page: render::frame(Some(user), None),
        codes: &codes.in_groups(),
    };
    render::page(StatusCode::OK, &page)
}
