//! WorkOS's access token of a session, which is stored with `WORKOS_TOKEN_ROUTE` only.

use diesel::prelude::*;

use super::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;
use crate::ids::SessionId;

/// The stored access token of a session, and what says whether a renewal brings a newer one.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct StoredAccessToken {
    /// WorkOS's access token, encrypted by [`Keys::seal_row`](crate::keys::Keys::seal_row).
    pub workos_access_token: Option<Vec<u8>>,
    /// See [`SessionRow::workos_refresh_token`].
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::confirmed_until`].
    pub confirmed_until: Option<Timestamp>,
    /// See [`SessionRow::renewal_failures`].
    pub renewal_failures: i32,
}

impl StoredAccessToken {
    /// The access token of an open session; `None` if the session is not open.
    pub fn of(conn: &mut Conn, id: &SessionId, now: Timestamp) -> QueryResult<Option<Self>> {
        sessions::table
            .find(id)
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .select(Self::as_select())
            .first(conn)
            .optional()
    }

    /// Makes the session due for renewal, unless its access token has been replaced meanwhile or WorkOS could not be
    /// reached the last time.
    pub fn require_renewal(
        &self,
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
    ) -> QueryResult<usize> {
        let due = diesel::update(sessions::table.find(id))
            .filter(sessions::renewal_failures.eq(0))
            .set(sessions::renew_after.eq(now));
        match &self.workos_access_token {
            Some(sealed) => due
                .filter(sessions::workos_access_token.eq(sealed))
                .execute(conn),
            None => due
                .filter(sessions::workos_access_token.is_null())
                .execute(conn),
        }
    }
}

impl SessionRow {
    /// Stores the access token of a new session, encrypted.
    pub fn store_access_token(
        conn: &mut Conn,
        id: &SessionId,
        sealed: &[u8],
    ) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set(sessions::workos_access_token.eq(sealed))
            .execute(conn)
    }

    /// The place to which the encryption of a session's access token is bound.
    pub fn access_token_place(id: &SessionId) -> String {
        format!("sessions:{id}:access_token")
    }
}
