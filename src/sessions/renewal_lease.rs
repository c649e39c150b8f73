//! The lease of a session: of all processes that want to renew a session, one at a time does.
//!
//! What the holder of the lease stores is conditional on the lease, so that a holder that was too slow
//! stores nothing.

use diesel::dsl::not;
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
    /// WorkOS's access token, encrypted, with `WORKOS_TOKEN_ROUTE` only.
    pub workos_access_token: Option<Vec<u8>>,
    /// See [`SessionRow::organization_id`].
    pub organization_id: Option<OrganizationId>,
    /// See [`SessionRow::role`].
    pub role: Option<String>,
    /// [`WorkosFacts`](crate::workos_facts::WorkosFacts), as JSON.
    pub workos_facts: Option<String>,
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
    /// See [`SessionRow::refresh_token_sent_at`].
    pub refresh_token_sent_at: Option<Timestamp>,
}

/// When a lease is taken.
#[derive(Clone, Copy, Debug)]
pub enum LeaseCondition {
    /// The session is due, and nobody holds the lease.
    Due,
    /// Nobody holds the lease.
    Free,
    /// The lease in the row is still this one, held or not. Its holder may have ended.
    Unchanged(Option<Timestamp>),
}

impl SessionRow {
    /// Takes the lease until `until`, and records that the refresh token is sent to WorkOS at `now`. Returns
    /// `false` if the condition is not met or the session has ended. Must be called in a transaction.
    pub fn take_lease(
        conn: &mut Conn,
        id: &SessionId,
        now: Timestamp,
        until: Timestamp,
        condition: LeaseCondition,
    ) -> QueryResult<bool> {
        let open = diesel::update(sessions::table.find(id))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .set(sessions::renewing_until.eq(until));
        let taken = match condition {
            LeaseCondition::Due => {
                let not_renewed = sessions::renew_after.is_null();
                let is_due = not_renewed.or(sessions::renew_after.le(now));
                let free = open.filter(lease_is_free!(sessions::renewing_until, now, until));
                free.filter(is_due).execute(conn)?
            }
            LeaseCondition::Free => open
                .filter(lease_is_free!(sessions::renewing_until, now, until))
                .execute(conn)?,
            LeaseCondition::Unchanged(None) => open
                .filter(sessions::renewing_until.is_null())
                .execute(conn)?,
            LeaseCondition::Unchanged(Some(lease)) => open
                .filter(sessions::renewing_until.eq(lease))
                .execute(conn)?,
        };
        if taken == 0 {
            return Ok(false);
        }
        // The first time counts: from then on WorkOS repeats a lost answer for half a minute.
        diesel::update(sessions::table.find(id))
            .filter(sessions::refresh_token_sent_at.is_null())
            .set(sessions::refresh_token_sent_at.eq(now))
            .execute(conn)?;
        Ok(true)
    }

    /// Up to `limit` open sessions whose refresh token was sent to WorkOS at `since` or later without a complete
    /// answer, the oldest first. The other two conditions are written so that SQLite searches by
    /// `refresh_token_sent_at`: by their own indexes it would read most sessions.
    pub fn unanswered_since(
        conn: &mut Conn,
        since: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::refresh_token_sent_at.ge(since))
            .filter(not(sessions::revoked_at.is_not_null()))
            .filter(not(sessions::expires_at.le(now)))
            .order(sessions::refresh_token_sent_at)
            .select(Self::as_select())
            .limit(limit)
            .load(conn)
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

    /// Ends any lease, and the record that the refresh token was sent, if the session is open and still has the
    /// refresh token of `row`: the process that holds the next refresh token is the one that stores it.
    /// Returns `false` if another process has stored it.
    pub fn claim_refresh_token(conn: &mut Conn, row: &Self) -> QueryResult<bool> {
        let claimed = diesel::update(sessions::table.find(&row.id))
            .filter(sessions::workos_refresh_token.eq(&row.workos_refresh_token))
            .filter(sessions::revoked_at.is_null())
            .set((
                sessions::renewing_until.eq(None::<Timestamp>),
                sessions::refresh_token_sent_at.eq(None::<Timestamp>),
            ))
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
                sessions::refresh_token_sent_at.eq(failure.refresh_token_sent_at),
            ))
            .execute(conn)
    }

    /// Records that WorkOS has answered without consuming the refresh token. Must be called in the transaction
    /// of [`release_lease`](Self::release_lease).
    pub fn forget_sent_token(conn: &mut Conn, id: &SessionId) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set(sessions::refresh_token_sent_at.eq(None::<Timestamp>))
            .execute(conn)
    }

    /// The place to which the encryption of a session's refresh token is bound.
    pub fn refresh_token_place(id: &SessionId) -> String {
        format!("sessions:{id}")
    }
}
