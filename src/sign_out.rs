//! The end of a session: its row, and the tokens that stand on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::QueryResult;

use crate::accounts::revoke_all_sessions;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::sessions::SessionRow;
use crate::state::AppState;
use crate::tokens::{Claims, RefreshTokenRow};
use crate::workos::WorkosError;

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

/// Ends one of a user's own sessions; `None` where none of theirs has this id. One that has ended
/// before is left alone: its `sid` may live on in the session that replaced it.
pub async fn one_of(
    app: &AppState,
    user_id: i64,
    id: &str,
    now: Timestamp,
) -> Result<Option<SignedOut>, DbError> {
    // No id of ours looks otherwise, and PostgreSQL refuses a text with a NUL.
    if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(None);
    }
    let wanted = id.to_owned();
    let row = app
        .database
        .read(move |conn| SessionRow::by_id(conn, &wanted).map_err(DbError::from))
        .await?;
    let Some(row) = row.filter(|row| row.user_id == user_id) else {
        return Ok(None);
    };
    if row.revoked_at.is_some() || row.expires_at <= now {
        return Ok(Some(SignedOut {
            sid: None,
            by_workos: false,
        }));
    }
    let what = SignOut {
        session: Some(row.id),
        ..SignOut::default()
    };
    complete(app, what, now).await.map(Some)
}

/// WorkOS's sessions on which a user's sessions stood.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SignedOutEverywhere {
    /// Of the browser that asked; WorkOS's own log-out is to end it.
    pub present: Option<String>,
    /// Of the others.
    pub others: BTreeSet<String>,
}

/// Ends all sessions and tokens of a user, `present` too.
pub async fn everywhere(
    app: &AppState,
    user_id: i64,
    present: &str,
    now: Timestamp,
) -> Result<SignedOutEverywhere, DbError> {
    let ended = app
        .database
        .write(move |conn| revoke_all_sessions(conn, user_id, now).map_err(DbError::from))
        .await?;
    for row in &ended {
        app.revocations.end(&row.id, row.expires_at);
    }
    log::info!(
        "account {user_id} signed out everywhere, of {} sessions",
        ended.len()
    );
    let (present, others): (Vec<_>, Vec<_>) = ended.into_iter().partition(|row| row.id == present);
    let present = present.into_iter().find_map(|row| row.workos_sid);
    let sids = others.into_iter().filter_map(|row| row.workos_sid);
    Ok(SignedOutEverywhere {
        others: sids.filter(|sid| Some(sid) != present.as_ref()).collect(),
        present,
    })
}

/// Has WorkOS end these sessions of its own too, behind the answer: here they have ended already, and
/// whoever signs out does not wait for WorkOS.
pub fn tell_workos(app: Arc<AppState>, sids: BTreeSet<String>) {
    if sids.is_empty() {
        return;
    }
    tokio::spawn(async move {
        for (told, sid) in sids.iter().enumerate() {
            match app.workos.revoke_session(sid).await {
                Ok(()) => {}
                // It has ended there by itself, or another replica was told.
                Err(error @ WorkosError::Refused { .. }) if !error.is_misconfiguration() => {
                    log::info!("WorkOS ended no session: {error}");
                }
                // The others would fare no better, and each takes seconds to fail.
                Err(error) => {
                    let left = sids.len() - told;
                    log::warn!(
                        "{left} ended sessions go on at WorkOS, which was not told: {error}"
                    );
                    break;
                }
            }
        }
    });
}
