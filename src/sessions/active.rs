//! A user's active sessions, as the account page lists them.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::{refresh_tokens, sessions};
use crate::ids::{SessionId, UserId, WorkosSid};

/// An active session, without its refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct ActiveSession {
    /// The session's id.
    pub id: SessionId,
    /// SHA-256 of the login attempt's `state`, in hex.
    pub login_attempt: Option<String>,
    /// WorkOS's session id.
    pub workos_sid: Option<WorkosSid>,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// The address that the user signed in from.
    pub ip_address: Option<String>,
    /// The browser's `User-Agent` at the sign-in, truncated.
    pub user_agent: Option<String>,
    /// The email of the impersonator, in an impersonated session.
    pub impersonator: Option<String>,
}

/// How a session was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOrigin {
    /// By a sign-in through WorkOS in a browser.
    WorkosSignIn,
    /// By a sign-in with a local password in a browser.
    PasswordSignIn,
    /// By a single-page application that exchanged WorkOS's code for tokens. The session has no cookie.
    CodeExchange,
}

impl ActiveSession {
    /// Up to `limit` of a user's active sessions: the current one first, then the newest. The session of
    /// an application is listed while one of its refresh tokens is valid.
    pub fn list(
        conn: &mut Conn,
        user_id: UserId,
        current: &SessionId,
        now: Timestamp,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let in_browser = sessions::login_attempt
            .is_not_null()
            .or(sessions::workos_sid.is_null());
        let valid_token = refresh_tokens::table
            .filter(refresh_tokens::sid.eq(sessions::workos_sid))
            .filter(refresh_tokens::consumed_at.is_null())
            .filter(refresh_tokens::revoked_at.is_null())
            .filter(refresh_tokens::expires_at.gt(now));
        sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(in_browser.or(exists(valid_token)))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order((
                sessions::id.eq(current).desc(),
                sessions::created_at.desc(),
                sessions::id,
            ))
            .limit(limit)
            .select(Self::as_select())
            .load(conn)
    }

    /// How the session was created: only a sign-in in a browser has a login attempt, and only WorkOS
    /// gives a session id.
    pub fn origin(&self) -> SessionOrigin {
        match (&self.login_attempt, &self.workos_sid) {
            (Some(_), _) => SessionOrigin::WorkosSignIn,
            (None, Some(_)) => SessionOrigin::CodeExchange,
            (None, None) => SessionOrigin::PasswordSignIn,
        }
    }
}
