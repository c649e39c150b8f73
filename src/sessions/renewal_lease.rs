//! The lease of a session: of all processes that want to renew a session, one at a time does.
//!
//! What the holder of the lease stores is conditional on the lease, so that a holder that was too slow
//! stores nothing.

use diesel::prelude::*;

use super::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;
use crate::ids::{OrganizationId, SessionId, WorkosSid};
use crate::lease::lease_is_free;

/// What WorkOS confirmed in a renewal.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_null = true)]
pub struct Confirmation {
    /// See [`SessionRow::workos_sid`].
    pub workos_sid: Option<WorkosSid>,
    /// See [`SessionRow::workos_refresh_token`].
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::organization_id`].
    pub organization_id: Option<OrganizationId>,
    /// See [`SessionRow::role`].
    pub role: Option<String>,
    /// See [`SessionRow::confirmed_until`].
    pub confirmed_until: Option<Timestamp>,
    /// See [`SessionRow::renew_after`].
    pub renew_after: Option<Timestamp>,
    /// See [`SessionRow::renewal_failures`].
    pub renewal_failures: i32,
}

/// A renewal that failed because WorkOS could not be reached or its access token not be verified.
#[derive(Clone, Debug)]
pub struct RenewalFailure {
    /// The next refresh token, if WorkOS gave out one.
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::renew_after`].
    pub renew_after: Timestamp,
    /// See [`SessionRow::renewal_failures`].
    pub failures: i32,
}

impl SessionRow {
    /// Takes the lease until `until`, in one statement. Returns `false` if another process holds the
    /// lease or has renewed the session, or if the session has ended.
    pub fn take_lease(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let is_due = sessions::renew_after
            .is_null()
            .or(sessions::renew_after.le(now));
        let taken = diesel::update(sessions::table.find(id))
            .filter(lease_is_free!(sessions::renewing_until, now))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .filter(is_due)
            .set(sessions::renewing_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// The same for a session that is not due yet.
    pub fn take_lease_early(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let taken = diesel::update(sessions::table.find(id))
            .filter(lease_is_free!(sessions::renewing_until, now))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .set(sessions::renewing_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// Releases the lease. Returns `false` if another process holds it by now, or if the session has
    /// ended.
    pub fn release_lease(conn: &mut Conn, id: &SessionId, lease: Timestamp) -> QueryResult<bool> {
        let released = diesel::update(sessions::table.find(id))
            .filter(sessions::renewing_until.eq(lease))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::renewing_until.eq(None::<Timestamp>))
            .execute(conn)?;
        Ok(released > 0)
    }

    /// Ends any lease if the session is open and still has the refresh token of `row`: the process
    /// that holds the next refresh token is the one that stores it. Returns `false` if another process
    /// has stored it.
    pub fn claim_refresh_token(conn: &mut Conn, row: &Self) -> QueryResult<bool> {
        let claimed = diesel::update(sessions::table.find(&row.id))
            .filter(sessions::workos_refresh_token.eq(&row.workos_refresh_token))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::renewing_until.eq(None::<Timestamp>))
            .execute(conn)?;
        Ok(claimed > 0)
    }

    /// Stores what WorkOS confirmed. Must be called in the transaction of
    /// [`claim_refresh_token`](Self::claim_refresh_token).
    pub fn confirm(
        conn: &mut Conn,
        id: &SessionId,
        confirmation: &Confirmation,
    ) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set(confirmation)
            .execute(conn)
    }

    /// Stores a failed renewal. Must be called in the transaction of
    /// [`release_lease`](Self::release_lease).
    pub fn record_failure(
        conn: &mut Conn,
        id: &SessionId,
        failure: &RenewalFailure,
    ) -> QueryResult<usize> {
        let row = sessions::table.find(id);
        if let Some(token) = &failure.workos_refresh_token {
            diesel::update(row)
                .set(sessions::workos_refresh_token.eq(token))
                .execute(conn)?;
        }
        diesel::update(row)
            .set((
                sessions::renew_after.eq(failure.renew_after),
                sessions::renewal_failures.eq(failure.failures),
            ))
            .execute(conn)
    }

    /// The place to which the encryption of a session's refresh token is bound.
    pub fn refresh_token_place(id: &SessionId) -> String {
        format!("sessions:{id}")
    }
}
