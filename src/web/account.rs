//! `GET /account`: who am I.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::pages::{Account, Level, Notice, PasswordErrors, Sessions};
use super::visitor::SessionUser;
use super::{account_sessions, render};
use crate::accounts::{User, has_password};
use crate::db::DbError;
use crate::error::Error;
use crate::sessions::{BrowserSession, SessionState};
use crate::state::AppState;

const PASSWORD_CHANGED: Notice<'static> = Notice {
    level: Level::Success,
    text: "Your password was changed, and your other sessions have ended.",
};

/// The profile, the organisation, how and when the person signed in, their open sessions, and the
/// password's form for whoever has one.
pub async fn account(
    request: HttpRequest,
    SessionUser(user): SessionUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let (has_password, sessions) = match account_of(&user, &session, &app).await {
        Ok(account) => (
            has_password(&account, app.settings.password_login),
            account_sessions::list(&user, &app).await,
        ),
        // All the rest of the page stands in the cookie.
        Err(Error::Database(error)) => {
            log::warn!("the account page goes without sessions and the password's form: {error}");
            (false, None)
        }
        Err(error) => return Err(error),
    };
    // Whoever acts for somebody else does not change that person's password.
    let offered = has_password && user.impersonator.is_none();
    let untouched = PasswordErrors::default();
    let notices = [
        ("password-changed", PASSWORD_CHANGED),
        account_sessions::SIGNED_OUT,
    ];
    let notice = render::asked_for(&request, &notices);
    show(
        &user,
        sessions.as_ref(),
        offered.then_some(&untouched),
        notice,
    )
}

/// The page; with `password` its form, and what is wrong with it.
pub(super) fn show(
    user: &SessionState,
    sessions: Option<&Sessions>,
    password: Option<&PasswordErrors>,
    notice: Option<Notice<'_>>,
) -> Result<HttpResponse, Error> {
    let account = Account {
        page: render::frame(Some(user), notice),
        email_verified: user.email_verified,
        user_id: user.user_id,
        workos_user_id: user.workos_user_id.as_deref(),
        organization_id: user.organization_id.as_deref(),
        roles: user.role.as_slice(),
        authentication_method: user.authentication_method.as_deref(),
        signed_in_at: user.signed_in_at.utc(),
        expires_at: user.expires_at.utc(),
        sessions,
        password,
    };
    render::page(StatusCode::OK, &account)
}

/// The account behind a session; a session whose account is gone or closed ends.
pub(super) async fn account_of(
    user: &SessionState,
    session: &BrowserSession,
    app: &AppState,
) -> Result<User, Error> {
    let id = user.user_id;
    let account = app
        .database
        .read(move |conn| User::by_id(conn, id).map_err(DbError::from))
        .await?;
    account.filter(|account| account.is_active).ok_or_else(|| {
        session.end();
        let next = "/account".to_owned();
        Error::LoginRequired { next }
    })
}
