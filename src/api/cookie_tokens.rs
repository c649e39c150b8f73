//! Tokens in cookies beside a browser session. They must belong to that session: otherwise a page of this
//! site and the API would see different users in one browser.

use actix_web::{HttpMessage, HttpRequest};

use super::access_token::TokenRows;
use super::api_user::ApiUser;
use super::error::Unauthorized;
use super::{ApiError, access_token};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::http::session_user::SessionOver;
use crate::http::site::Site;
use crate::ids::SessionId;
use crate::middleware::device;
use crate::sessions::{BrowserSession, RevocationStatus, SessionRow};
use crate::state::AppState;
use crate::tokens::{TokenClaims, TokenError, TokenSubject};

/// The browser's session, if it has one. If the session has ended, so have the tokens in the cookies: the
/// response is 401 and removes them.
pub fn open_session(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &AppState,
) -> Result<Option<SessionId>, ApiError> {
    let Some(state) = session.peek(app.clock.now()) else {
        return Ok(None);
    };
    match app.revocations.status(&state.session_id) {
        RevocationStatus::Revoked => Err(session_over(request, session, app)),
        // The tokens' own session is read from the database.
        RevocationStatus::NotRevoked | RevocationStatus::Unknown => Ok(Some(state.session_id)),
    }
}

fn session_over(request: &HttpRequest, session: &BrowserSession, app: &AppState) -> ApiError {
    session.remove_tokens();
    request.extensions_mut().insert(SessionOver::Known);
    ApiError::session_over(Site::of(request, &app.settings).origin)
}

/// The user of an access token in a cookie. Its use is a use of the browser's session, which ends if it was not used
/// for `SESSION_IDLE_TIMEOUT`.
pub async fn authenticate(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &AppState,
    token: &str,
) -> Result<ApiUser, ApiError> {
    let now = app.clock.now();
    let open = open_session(request, session, app)?;
    if let Some(state) = session.peek(now) {
        let device = device(request, &app.settings.trusted_proxies);
        if app.renewal.record_use(&state, device).await? {
            return Err(session_over(request, session, app));
        }
    }
    let claims = access_token::read(app, request, token)?;
    let asked = claims.clone();
    let (rows, belongs) = app
        .database
        .read(move |conn| {
            let rows = TokenRows::read(conn, &asked, now)?;
            let belongs = match &open {
                Some(id) => belongs_to(conn, (&asked, &rows.subject), id, now)?,
                None => true,
            };
            Ok::<_, DbError>((rows, belongs))
        })
        .await?;
    if !belongs {
        log::info!("refused an access token in a cookie that is not of the browser's session");
        session.remove_foreign_tokens();
        return Err(Unauthorized::AccessToken(TokenError::Invalid).into());
    }
    rows.user(&claims)
}

/// Whether an access token belongs to this session. Another program's token knows no session, so its
/// account decides.
fn belongs_to(
    conn: &mut Conn,
    (claims, subject): (&TokenClaims, &TokenSubject),
    session_id: &SessionId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let row = SessionRow::by_id(conn, session_id)?;
    let row = row.filter(|row| row.revoked_at.is_none() && now < row.expires_at);
    let user_id = subject.user.as_ref().map(|user| user.id);
    let Some(row) = row.filter(|row| user_id == Some(row.user_id)) else {
        return Ok(false);
    };
    if claims.ver.is_none() || claims.sid == row.workos_sid {
        return Ok(true);
    }
    match &claims.sid {
        // A renewal at WorkOS's own emulator gives the session another `sid`. No session has the old one.
        Some(sid) if row.workos_sid.is_some() => Ok(!SessionRow::is_known_sid(conn, sid)?),
        _ => Ok(false),
    }
}
