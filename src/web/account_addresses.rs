//! `POST /account/addresses/remove`: removes a further address from the account. Also the list of these addresses on the
//! account page.

use actix_web::{HttpRequest, HttpResponse, web};

use super::form::Form;
use super::pages::{Notice, NoticeLevel};
use super::redirect;
use crate::accounts::account_addresses::FurtherAddress;
use crate::db::{Database, DbError};
use crate::error::Error;
use crate::http::recent_session::RecentSession;
use crate::http::session_user::login_required;
use crate::middleware::device;
use crate::sessions::SessionState;
use crate::state::AppState;

/// The form's page.
const PAGE: &str = "/account";

/// The notice after an address was removed.
pub(super) const ADDRESS_REMOVED: (&str, Notice<'static>) = (
    "address-removed",
    Notice {
        level: NoticeLevel::Success,
        text: "The address was removed from your account.",
    },
);

/// Removes the address that the form names.
pub async fn remove(
    request: HttpRequest,
    body: web::Bytes,
    RecentSession(user): RecentSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    // PostgreSQL refuses NUL in a query, and no address contains it.
    let address = form.value("address").filter(|text| !text.contains('\0'));
    let address = address.unwrap_or_default().to_owned();
    let device = device(&request, &app.settings.trusted_proxies);
    let now = app.clock.now();
    let removed = app
        .sign_in
        .remove_address(user.session_id, address, device, now)
        .await
        .map_err(|error| Error::from(error).on_form(PAGE))?;
    let (notice, _) = ADDRESS_REMOVED;
    match removed {
        true => Ok(redirect(&format!("{PAGE}?notice={notice}"))),
        false => Err(login_required(&request, PAGE)),
    }
}

/// The further addresses of the user's account. Empty if the database cannot be read, and in an impersonated session.
pub(super) async fn list(user: &SessionState, database: &Database) -> Vec<String> {
    if user.impersonator.is_some() {
        return Vec::new();
    }
    let id = user.user_id;
    let listed = database.read(move |conn| FurtherAddress::of(conn, id).map_err(DbError::from));
    listed.await.unwrap_or_else(|error| {
        log::warn!("the account page is shown without the further addresses: {error}");
        Vec::new()
    })
}
