//! What the session of a token knows.

use diesel::QueryResult;

use super::claims::TokenClaims;
use super::family::sid_of_family;
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::{SessionFacts, TokenSession};

/// What the session of a token knows, and WorkOS's id of it, if the session is the user's.
pub(super) fn facts_of_session(
    conn: &mut Conn,
    user: &User,
    session: &TokenSession<'_>,
    now: Timestamp,
) -> QueryResult<Option<(SessionFacts, Option<WorkosSid>)>> {
    match session.current_id(conn, now)? {
        Some(id) => SessionFacts::of(conn, &id, user.id),
        None => Ok(None),
    }
}

/// The session of this user's access token, what it knows, and WorkOS's id of it; `None` for a token of another program
/// or without a session at WorkOS.
pub fn session_of_access_token(
    conn: &mut Conn,
    claims: &TokenClaims,
    user: &User,
    now: Timestamp,
) -> QueryResult<Option<(SessionId, SessionFacts, Option<WorkosSid>)>> {
    if claims.ver.is_none() {
        return Ok(None);
    }
    // WorkOS may have given the session another id since the token was issued.
    let sid = sid_of_family(conn, claims, user.id)?.or_else(|| claims.sid.clone());
    let session = TokenSession {
        id: None,
        sid: sid.as_ref(),
    };
    let Some(id) = session.current_id(conn, now)? else {
        return Ok(None);
    };
    let facts = SessionFacts::of(conn, &id, user.id)?;
    Ok(facts.map(|(facts, sid)| (id, facts, sid)))
}
