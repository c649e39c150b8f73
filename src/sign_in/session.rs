//! From a browser session to tokens that end with it.

use std::sync::Arc;

use crate::accounts::User;
use crate::clock::Timestamp;
use crate::sessions::{SessionRow, SessionState};
use crate::state::AppState;
use crate::tokens::{Actor, IssueError, TokenGrant, TokenPair};

/// Gives out a pair of tokens for a browser session; `None` when the session or its account is no
/// longer open.
pub async fn tokens_for_session(
    app: &AppState,
    state: SessionState,
    now: Timestamp,
) -> Result<Option<(User, TokenPair)>, IssueError> {
    let tokens = Arc::clone(&app.tokens);
    let given = app
        .database
        .write(move |conn| {
            let Some(row) = SessionRow::lock_active(conn, &state.session_id, now)? else {
                return Ok::<_, IssueError>(None);
            };
            let user = User::by_id(conn, row.user_id)?.filter(|user| user.is_active);
            let Some(user) = user else { return Ok(None) };
            let grant = TokenGrant {
                act: state.impersonator.map(|who| Actor { sub: who.email }),
                not_after: Some(row.expires_at),
                session: Some(row.id),
                sid: row.workos_sid,
            };
            let pair = tokens.issue(conn, &user, grant, now)?;
            Ok(Some((user, pair)))
        })
        .await?;
    if let Some((user, _)) = &given {
        log::info!("account {} got tokens for its browser session", user.id);
    }
    Ok(given)
}
