//! The pages of an authenticator app, and the errors that lead back to them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::pending_setup::PendingSetup;
use crate::accounts::User;
use crate::accounts::second_factor::{RecoveryCodes, SecondFactor, SecondFactorError};
use crate::db::DbError;
use crate::error::{Error, InternalError};
use crate::sessions::SessionState;
use crate::state::AppState;
use crate::web::pages::{
    AuthenticatorForms, AuthenticatorPage, AuthenticatorSetupPage, QrCode, RecoveryCodesPage,
};
use crate::web::render;

/// The page and the address of its forms.
pub(super) const PAGE: &str = "/account/authenticator";

/// The error page of a failure, which leads back to the form.
pub(super) fn on_form(error: SecondFactorError) -> Error {
    match error {
        SecondFactorError::Database(error) => Error::from(error).on_form(PAGE),
        error => InternalError::new("store a second factor", error).into(),
    }
}

/// Shows what the account's factor allows.
pub(super) async fn show(
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
            let setup = PendingSetup::start(user, app.clock.now())?;
            show_setup(app, user, &setup, &[])
        }
    }
}

/// Shows the secret of an authenticator app that is being set up.
pub(super) fn show_setup(
    app: &AppState,
    user: &SessionState,
    setup: &PendingSetup,
    errors: &[String],
) -> Result<HttpResponse, Error> {
    let secret = setup.secret()?;
    let uri = secret.uri(app.settings.public_url.host(), user_label(user));
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

/// What the authenticator app calls the account.
fn user_label(user: &SessionState) -> &str {
    match user.email.as_str() {
        "" => user.username.as_deref().unwrap_or_default(),
        email => email,
    }
}

/// Shows new recovery codes.
pub(super) fn show_codes(
    user: &SessionState,
    codes: &RecoveryCodes,
) -> Result<HttpResponse, Error> {
    let page = RecoveryCodesPage {
        page: render::frame(Some(user), None),
        codes: &codes.in_groups(),
    };
    render::page(StatusCode::OK, &page)
}
