//! A user's open sessions, as their owner sees them.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;

/// An open session, without what only WorkOS may see.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct OpenSession {
    /// Its row.
    pub id: String,
    /// SHA-256 of the attempt's `state`, in hex.
    pub login_attempt: Option<String>,
    /// WorkOS's session.
    pub workos_sid: Option<String>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// From which address.
    pub ip_address: Option<String>,
    /// With which browser, as it says itself.
    pub user_agent: Option<String>,
    /// The e-mail of whoever acts for its owner there.
    pub impersonator: Option<String>,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// In a browser, through WorkOS.
    Workos,
    /// In a browser, by a password of ours.
    Password,
    /// A single-page app exchanged WorkOS's code for tokens; no cookie stands on it.
    Exchange,
}

impl OpenSession {
    /// Up to `most` of a user's open sessions, the present one first, then the newest.
    pub fn list(
        conn: &mut Conn,
        user_id: i64,
        present: &str,
        now: Timestamp,
        most: i64,
    ) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order((
                sessions::id.eq(present).desc(),
                sessions::created_at.desc(),
                sessions::id,
            ))
            .limit(most)
            .select(Self::as_select())
            .load(conn)
    }

    /// How it began: only a browser's attempt leaves its mark, and only WorkOS gives a `sid`.
    pub fn beginning(&self) -> Beginning {
        match (&self.login_attempt, &self.workos_sid) {
            (Some(_), _) => Beginning::Workos,
            (None, Some(_)) => Beginning::Exchange,
            (None, None) => Beginning::Password,
        }
    }
}
