//! What the forms of the page do.

use std::net::IpAddr;

use actix_web::HttpResponse;
use diesel::QueryResult;

use super::pending_setup::PendingSetup;
use super::show::{PAGE, on_form, show, show_codes, show_setup};
use crate::accounts::User;
use crate::accounts::second_factor::{
    CodeRejection, SecondFactorError, add_totp, check_code, lock_account, remove_second_factor,
    replace_recovery_codes,
};
use crate::audit::ChangedBy;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::error::Error;
use crate::ids::SessionId;
use crate::sessions::{BrowserSession, SessionRow, SessionState};
use crate::state::AppState;
use crate::web::code_errors::{WRONG_CODE, code_error};
use crate::web::pages::AuthenticatorForms;
use crate::web::redirect;
use crate::workos::ClientDevice;

const EXPIRED_SETUP: &str =
    "This page was open for too long. Scan the new QR code, and enter the code that the app shows.";

/// A code that was entered on the page.
pub(super) struct CodeRequest {
    pub(super) account: User,
    /// Without separators; empty if it cannot be a code.
    pub(super) code: String,
    /// The form's error for an empty field.
    pub(super) missing: Option<String>,
    pub(super) client: IpAddr,
    pub(super) device: ClientDevice,
    pub(super) now: Timestamp,
}

/// Stores the secret of the page, if the app shows its code, and ends the account's other sessions.
pub(super) async fn set_up(
    app: &AppState,
    user: &SessionState,
    session: &BrowserSession,
    request: CodeRequest,
    sealed: &str,
) -> Result<HttpResponse, Error> {
    let Some(setup) = PendingSetup::open(&app.keys, sealed, user, request.now) else {
        let setup = PendingSetup::start(user, request.now)?;
        return show_setup(app, user, &setup, &[EXPIRED_SETUP.to_owned()]);
    };
    let secret = setup.secret()?;
    let last_step = secret.step_of(&request.code, request.now);
    let wrong = || WRONG_CODE.to_owned();
    let (None, Some(last_step)) = (&request.missing, last_step) else {
        let error = request.missing.unwrap_or_else(wrong);
        return show_setup(app, user, &setup, &[error]);
    };
    let (keys, keep, now) = (app.keys.clone(), user.session_id.clone(), request.now);
    let database = app.database.queued_by(request.account.id);
    let outcome = database.write(move |conn| {
        let (account, device) = (request.account, request.device);
        if lock_account_of(conn, &account, &keep, now)?.is_none() {
            return Ok(None);
        }
        let confirmed = (&secret, last_step, &keep);
        add_totp(conn, &keys, account.id, confirmed, (&device, now))
    });
    let Some(codes) = outcome.await.map_err(on_form)? else {
        // The account has changed, or has a factor by now: the page shows what is true.
        return Ok(redirect(PAGE));
    };
    session.remove_tokens();
    app.at_workos.send_soon();
    // So that this replica does not wait for its next reading.
    if let Err(error) = app.revocations.refresh(&app.database, now).await {
        log::warn!("failed to read the ended sessions, which end with the next reading: {error}");
    }
    show_codes(user, &codes)
}

/// Removes the factor.
pub(super) async fn remove(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
) -> Result<HttpResponse, Error> {
    let remove = |conn: &mut Conn, account: &User, device: &ClientDevice, now: Timestamp| {
        remove_second_factor(conn, account.id, ChangedBy::Owner, device, now)
            .map_err(SecondFactorError::from)
    };
    let account = request.account.clone();
    match with_code(app, user, request, remove).await? {
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

/// Replaces the recovery codes.
pub(super) async fn make_recovery_codes(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
) -> Result<HttpResponse, Error> {
    let replace = |conn: &mut Conn, account: &User, device: &ClientDevice, now: Timestamp| {
        replace_recovery_codes(conn, account.id, device, now)
    };
    let account = request.account.clone();
    match with_code(app, user, request, replace).await? {
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

/// Locks the account of a session, if neither has ended: a replica learns of a log-out on another one a moment
/// later, and what is changed here lasts.
fn lock_account_of(
    conn: &mut Conn,
    account: &User,
    session_id: &SessionId,
    now: Timestamp,
) -> QueryResult<Option<User>> {
    let locked = lock_account(conn, account.id, account.token_version)?;
    let session = SessionRow::lock_active(conn, session_id, now)?;
    Ok(locked.filter(|_| session.is_some()))
}

/// Checks a code of the account's factor, and calls `action` in the same transaction. `Ok(Err(…))` is
/// the form's error.
async fn with_code<T: Send + 'static>(
    app: &AppState,
    user: &SessionState,
    request: CodeRequest,
    action: impl FnOnce(&mut Conn, &User, &ClientDevice, Timestamp) -> Result<T, SecondFactorError>
    + Clone
    + Send
    + 'static,
) -> Result<Result<T, String>, Error> {
    if let Some(error) = request.missing {
        return Ok(Err(error));
    }
    let attempt = app.throttle.begin_code(request.client, request.account.id);
    let attempt = attempt.map_err(|error| error.on_form(PAGE))?;
    let (user_id, client, now) = (request.account.id, request.device.clone(), request.now);
    let (keys, session_id) = (app.keys.clone(), user.session_id.clone());
    let database = app.database.queued_by(user_id);
    let outcome = database.write(move |conn| {
        let (account, device) = (request.account, request.device);
        if lock_account_of(conn, &account, &session_id, now)?.is_none() {
            return Ok(Err(CodeRejection::NoFactor));
        }
        match check_code(conn, &keys, account.id, &request.code, (&device, now))? {
            Ok(()) => action(conn, &account, &device, now).map(Ok),
            Err(rejection) => Ok::<_, SecondFactorError>(Err(rejection)),
        }
    });
    let outcome = outcome.await;
    attempt.finish(matches!(&outcome, Ok(Err(rejection)) if rejection.is_guess()));
    match outcome.map_err(on_form)? {
        Ok(result) => Ok(Ok(result)),
        Err(rejection) => {
            let failed = rejection.audit_event(user_id);
            app.failures.count_any(failed, &client, now);
            Ok(Err(code_error(rejection, PAGE)?.to_owned()))
        }
    }
}
