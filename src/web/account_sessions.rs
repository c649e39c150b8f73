//! `POST /account/sessions/revoke`: the end of one of one's own sessions, or of all; and their list on
//! the account page.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};

use super::form::Form;
use super::pages::{Level, ListedSession, Notice, Sessions};
use super::{logout, redirect};
use crate::db::DbError;
use crate::error::Error;
use crate::http::session_user::{MaybeUser, UnrenewedUser, login_required};
use crate::sessions::{BrowserSession, OpenSession, SessionState, Standing, device_in_words};
use crate::state::AppState;

/// The form's page.
const PAGE: &str = "/account";
/// How many are shown: somebody's script may sign in every minute.
const MOST: usize = 50;

/// What the page's query asks for after a session was ended.
pub(super) const SIGNED_OUT: (&str, Notice<'static>) = (
    "session-signed-out",
    Notice {
        level: Level::Success,
        text: "The session was signed out.",
    },
);

/// Ends the session that the form names, or all of them.
pub async fn revoke(
    request: HttpRequest,
    body: web::Bytes,
    user: MaybeUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    // This address itself cannot be returned to.
    let user = user.0.ok_or_else(|| login_required(&request, PAGE))?;
    let all = form.value("all") == Some("1");
    let id = form.value("session_id").unwrap_or_default();
    if !all && id == user.session_id {
        return logout::end(UnrenewedUser(Some(user)), &session, &app).await;
    }
    if user.impersonator.is_some() {
        return Err(Error::Impersonated);
    }
    let answer = if all {
        everywhere(&user, &session, app).await
    } else {
        elsewhere(&user, id, &session, app).await
    };
    answer.map_err(|error| error.on_form(PAGE))
}

/// Ends another session than the present one.
async fn elsewhere(
    user: &SessionState,
    id: &str,
    session: &BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let now = app.clock.now();
    let ended = app.sign_out.end_one_session(user.user_id, id, now).await?;
    let sid = ended.ok_or(Error::NotFound)?.workos_sid;
    if app.revocations.standing(&user.session_id) == Standing::Ended {
        // Both stood on the same session of WorkOS's.
        return logout::leave(session, &app, sid.as_deref());
    }
    app.sign_out.revoke_at_workos(BTreeSet::from_iter(sid));
    let (notice, _) = SIGNED_OUT;
    Ok(redirect(&format!("{PAGE}?notice={notice}")))
}

/// Ends all sessions, this browser's last: WorkOS's log-out ends that one there.
async fn everywhere(
    user: &SessionState,
    session: &BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let now = app.clock.now();
    let ended = app
        .sign_out
        .sign_out_everywhere(user.user_id, &user.session_id, now)
        .await?;
    // Even where the row is gone.
    app.revocations.end(&user.session_id, user.expires_at);
    let response = logout::leave(session, &app, ended.current.as_deref());
    app.sign_out.revoke_at_workos(ended.others);
    response
}

/// The user's open sessions; `None` where the database is away: the rest of the page stands in the
/// cookie.
pub(super) async fn list(user: &SessionState, app: &AppState) -> Option<Sessions> {
    let (user_id, present) = (user.user_id, user.session_id.clone());
    let now = app.clock.now();
    let open = app.database.read(move |conn| {
        let one_more = i64::try_from(MOST).map_or(i64::MAX, |most| most + 1);
        OpenSession::list(conn, user_id, &present, now, one_more).map_err(DbError::from)
    });
    let open = match open.await {
        Ok(open) => open,
        Err(error) => {
            log::warn!("the account page goes without the list of sessions: {error}");
            return None;
        }
    };
    let own = user.impersonator.is_none();
    Some(Sessions {
        more: own && open.len() > MOST,
        own,
        list: open
            .into_iter()
            // A person's devices and addresses are no business of whoever acts for them.
            .filter(|row| own || row.id == user.session_id)
            .take(MOST)
            .map(|row| listed(row, &user.session_id))
            .collect(),
    })
}

fn listed(row: OpenSession, present: &str) -> ListedSession {
    ListedSession {
        present: row.id == present,
        device: device_in_words(row.user_agent.as_deref()),
        began: row.beginning(),
        began_at: row.created_at.utc(),
        ip_address: row.ip_address,
        impersonator: row.impersonator,
        id: row.id,
    }
}
