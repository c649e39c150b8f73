//! `GET /account`: who am I.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::join;

use super::organization::organizations_of;
use super::pages::{Account, Level, Notice, Organizations, PasswordErrors};
use super::step::by_name;
use super::{account_sessions, render};
use crate::accounts::{User, has_password};
use crate::db::DbError;
use crate::error::Error;
use crate::http::session_user::SessionUser;
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
    page(&user, &session, &app, &[], Some(&request)).await
}

/// The page, with what was wrong with the choice of an organisation. Without a `request` nobody has
/// asked for a notice.
pub(super) async fn page(
    user: &SessionState,
    session: &BrowserSession,
    app: &AppState,
    refused: &[String],
    request: Option<&HttpRequest>,
) -> Result<HttpResponse, Error> {
    let has_password = match account_of(user, session, app).await {
        Ok(account) => has_password(&account, app.settings.password_login),
        // All the rest of the page stands in the cookie.
        Err(Error::Database(error)) => {
            log::warn!("the account page goes without the password's form: {error}");
            false
        }
        Err(error) => return Err(error),
    };
    // Whoever acts for somebody else does not change that person's password.
    let offered = has_password && user.impersonator.is_none();
    let untouched = PasswordErrors::default();
    show(user, app, offered.then_some(&untouched), refused, request).await
}

/// The same; with `password` its form, and what is wrong with it.
pub(super) async fn show(
    user: &SessionState,
    app: &AppState,
    password: Option<&PasswordErrors>,
    refused: &[String],
    request: Option<&HttpRequest>,
) -> Result<HttpResponse, Error> {
    let sessions = account_sessions::list(user, app);
    let (sessions, listed) = join(sessions, organizations_of(app, user)).await;
    let chosen = user.organization_id.as_deref().unwrap_or_default();
    let listed = listed.as_deref();
    let choices = by_name(listed.map_or(&[], |listed| &listed.list), chosen);
    let organizations = Organizations {
        choices: &choices,
        away: listed.is_none(),
        cut: listed.is_some_and(|listed| listed.cut),
        errors: refused,
    };
    let current = organizations.current().unwrap_or(chosen);
    let now_in = format!("You are now in {current}.");
    let switched = Notice {
        level: Level::Success,
        text: &now_in,
    };
    let notices = [
        ("password-changed", PASSWORD_CHANGED),
        account_sessions::SIGNED_OUT,
        ("organization-switched", switched),
    ];
    // Whoever is in none has not switched, whatever a link says.
    let known = if current.is_empty() {
        &notices[..2]
    } else {
        &notices
    };
    let notice = request.and_then(|request| render::asked_for(request, known));
    let account = Account {
        page: render::frame(Some(user), notice),
        email_verified: user.email_verified,
        user_id: user.user_id,
        workos_user_id: user.workos_user_id.as_deref(),
        organization_id: user.organization_id.as_deref(),
        organizations,
        roles: user.role.as_slice(),
        authentication_method: user.authentication_method.as_deref(),
        signed_in_at: user.signed_in_at.utc(),
        expires_at: user.expires_at.utc(),
        sessions: sessions.as_ref(),
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
