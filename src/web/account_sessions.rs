//! `POST /account/sessions/revoke`: ends one of the user's own sessions, or all of them. Also the list
//! of sessions on the account page.

use actix_web::{HttpRequest, HttpResponse, web};

use super::form::Form;
use super::logout::BrowserLogout;
use super::pages::{ListedSession, Notice, NoticeLevel, SessionList};
use super::redirect;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::error::Error;
use crate::http::recent_session::require_recent;
use crate::http::session_user::{MaybeUser, login_required};
use crate::ids::SessionId;
use crate::sessions::{ActiveSession, BrowserSession, SessionState, device_description};
use crate::state::AppState;

/// The form's page.
const PAGE: &str = "/account";
/// The most sessions that are listed: a script may sign in every minute.
const MAX_LISTED: usize = 50;

/// The notice after another session was ended.
pub(super) const SESSION_ENDED: (&str, Notice<'static>) = (
    "session-signed-out",
    Notice {
        level: NoticeLevel::Success,
        text: "The session was logged out.",
    },
);

/// Ends the session that the form names, or all sessions.
pub async fn revoke(
    request: HttpRequest,
    body: web::Bytes,
    user: MaybeUser,
    session: BrowserSession,
    logout: BrowserLogout,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    // A log-in cannot return to this address, which accepts only POST.
    let user = user.0.ok_or_else(|| login_required(&request, PAGE))?;
    let all = form.value("all") == Some("1");
    let id = SessionId::from(form.value("session_id").unwrap_or_default());
    if !all && id == user.session_id {
        return logout.end_current(Some(user), &session).await;
    }
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    require_recent(&user, PAGE, app.clock.now())?;
    let response = if all {
        logout.end_all(&user, &session).await
    } else {
        let response = logout.end_other(&user, &id, &session).await;
        let (notice, _) = SESSION_ENDED;
        response.map(|response| {
            response.unwrap_or_else(|| redirect(&format!("{PAGE}?notice={notice}")))
        })
    };
    response.map_err(|error| error.on_form(PAGE))
}

/// The user's open sessions; `None` if the database is unavailable, since the rest of the page needs
/// only the cookie.
pub(super) async fn list(
    user: &SessionState,
    database: &Database,
    now: Timestamp,
) -> Option<SessionList> {
    let (user_id, current) = (user.user_id, user.session_id.clone());
    let open = database.read(move |conn| {
        let one_more = i64::try_from(MAX_LISTED).map_or(i64::MAX, |most| most + 1);
        ActiveSession::list(conn, user_id, &current, now, one_more).map_err(DbError::from)
    });
    let open = match open.await {
        Ok(open) => open,
        Err(error) => {
            log::warn!("the account page is shown without the list of sessions: {error}");
            return None;
        }
    };
    let own = user.impersonator.is_none();
    Some(SessionList {
        more: own && open.len() > MAX_LISTED,
        own,
        list: open
            .into_iter()
            // An impersonator does not see the user's devices and addresses.
            .filter(|row| own || row.id == user.session_id)
            .take(MAX_LISTED)
            .map(|row| listed(row, &user.session_id))
            .collect(),
    })
}

fn listed(row: ActiveSession, current: &SessionId) -> ListedSession {
    ListedSession {
        current: row.id == *current,
        device: device_description(row.user_agent.as_deref()),
        began: row.origin(),
        began_at: row.created_at.utc(),
        ip_address: row.ip_address,
        impersonator: row.impersonator,
        id: row.id,
    }
}
