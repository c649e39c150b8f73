//! The end of a session: its row, and the tokens that stand on it.

use std::sync::Arc;

use diesel::QueryResult;

use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::sessions::SessionRow;
use crate::state::AppState;
use crate::tokens::{Claims, RefreshTokenRow};

/// What is known of whoever signs out.
#[derive(Debug, Default)]
pub struct SignOut {
    /// The browser session.
    pub session: Option<String>,
    /// The access tokens that were shown, expired ones too.
    pub access: Vec<Claims>,
    /// The refresh token.
    pub refresh: Option<Claims>,
}

/// What has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// WorkOS's session, which its own log-out is to end.
    pub sid: Option<String>,
    /// Whether WorkOS began what has ended, even where it named no session.
    pub by_workos: bool,
}

/// Ends the browser session, the sessions of WorkOS's that are named, the token families that stand
/// on any of them, and the refresh token's own.
pub async fn complete(app: &AppState, what: SignOut, now: Timestamp) -> Result<SignedOut, DbError> {
    let tokens = Arc::clone(&app.tokens);
    let (row, sids, ended) = app
        .database
        .write(move |conn| {
            let row = match &what.session {
                Some(id) => end_session(conn, id, now)?,
                None => None,
            };
            let named = what.access.iter().chain(&what.refresh);
            let named = named.filter_map(|claims| claims.sid.clone());
            let of_row = row.as_ref().and_then(|row| row.workos_sid.clone());
            let sids: Vec<String> = of_row.into_iter().chain(named).collect();
            let mut ended = Vec::new();
            for sid in &sids {
                ended.extend(SessionRow::revoke_sid(conn, sid, now)?);
                RefreshTokenRow::revoke_sid(conn, sid, now)?;
            }
            if let Some(refresh) = &what.refresh {
                tokens.end_family(conn, refresh, now)?;
            }
            Ok::<_, DbError>((row, sids, ended))
        })
        .await?;
    for (id, end) in ended {
        app.revocations.end(&id, end);
    }
    if let Some(row) = &row {
        app.revocations.end(&row.id, row.expires_at);
        log::info!("account {} signed out", row.user_id);
    }
    let sid = sids.into_iter().next();
    Ok(SignedOut {
        by_workos: sid.is_some() || row.is_some_and(|row| row.login_attempt.is_some()),
        sid,
    })
}

/// Ends a browser session and the token families that stand on it; gives its row. To be
/// called inside a transaction.
pub fn end_session(conn: &mut Conn, id: &str, now: Timestamp) -> QueryResult<Option<SessionRow>> {
    // The row first: giving out tokens holds it, so that none are given out behind our back.
    SessionRow::revoke(conn, id, now)?;
    let row = SessionRow::by_id(conn, id)?;
    RefreshTokenRow::revoke_session(conn, id, now)?;
    if let Some(sid) = row.as_ref().and_then(|row| row.workos_sid.as_deref()) {
        RefreshTokenRow::revoke_sid(conn, sid, now)?;
    }
    Ok(row)
}
