//! The row as a lock: of all that would renew a session, one at a time does. Each change that the
//! holder of the lease makes is conditional on it, so that whoever was too slow changes nothing.

use diesel::prelude::*;

use super::SessionRow;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::sessions;

/// What WorkOS has confirmed, for the row.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_null = true)]
pub struct Confirmation {
    /// See [`SessionRow::workos_sid`].
    pub workos_sid: Option<String>,
    /// See [`SessionRow::workos_refresh_token`].
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::organization_id`].
    pub organization_id: Option<String>,
    /// See [`SessionRow::role`].
    pub role: Option<String>,
    /// See [`SessionRow::confirmed_until`].
    pub confirmed_until: Option<Timestamp>,
    /// See [`SessionRow::renew_after`].
    pub renew_after: Option<Timestamp>,
    /// See [`SessionRow::renewal_failures`].
    pub renewal_failures: i32,
}

/// What is left to do when WorkOS could not be reached, for the row.
#[derive(Clone, Debug)]
pub struct Setback {
    /// The next refresh token, where WorkOS gave one and nothing else that can be trusted.
    pub workos_refresh_token: Option<Vec<u8>>,
    /// See [`SessionRow::renew_after`].
    pub renew_after: Timestamp,
    /// See [`SessionRow::renewal_failures`].
    pub failures: i32,
}

impl SessionRow {
    /// Takes the lease until `until`, in one statement; `false` when somebody else has it, or has
    /// renewed the session already, or it has ended.
    pub fn take_lease(
        conn: &mut Conn,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let due = sessions::renew_after
            .is_null()
            .or(sessions::renew_after.le(now));
        let taken = diesel::update(sessions::table.find(id))
            .filter(free(now))
            .filter(due)
            .set(sessions::renewing_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// The same for a session that is not due yet.
    pub fn take_lease_early(
        conn: &mut Conn,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let taken = diesel::update(sessions::table.find(id))
            .filter(free(now))
            .set(sessions::renewing_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// Gives the lease back; `false` when it is somebody else's by now, or the session has ended.
    pub fn release_lease(conn: &mut Conn, id: &str, lease: Timestamp) -> QueryResult<bool> {
        let released = diesel::update(sessions::table.find(id))
            .filter(sessions::renewing_until.eq(lease))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::renewing_until.eq(None::<Timestamp>))
            .execute(conn)?;
        Ok(released > 0)
    }

    /// Ends whatever lease there is, where the session is open and still has the refresh token of `row`:
    /// then it is for whoever has the next one to go on. `false` when somebody has gone on already.
    pub fn take_turn(conn: &mut Conn, row: &Self) -> QueryResult<bool> {
        let taken = diesel::update(sessions::table.find(&row.id))
            .filter(sessions::workos_refresh_token.eq(&row.workos_refresh_token))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::renewing_until.eq(None::<Timestamp>))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// Notes what WorkOS has confirmed; to be called in the transaction in which the lease was given
    /// back.
    pub fn confirm(conn: &mut Conn, id: &str, what: &Confirmation) -> QueryResult<usize> {
        diesel::update(sessions::table.find(id))
            .set(what)
            .execute(conn)
    }

    /// Notes that WorkOS could not be reached; to be called in the transaction in which the lease was
    /// given back.
    pub fn set_back(conn: &mut Conn, id: &str, what: &Setback) -> QueryResult<usize> {
        let row = sessions::table.find(id);
        if let Some(token) = &what.workos_refresh_token {
            diesel::update(row)
                .set(sessions::workos_refresh_token.eq(token))
                .execute(conn)?;
        }
        diesel::update(row)
            .set((
                sessions::renew_after.eq(what.renew_after),
                sessions::renewal_failures.eq(what.failures),
            ))
            .execute(conn)
    }
}

/// The session is open, and nobody has the lease.
#[diesel::dsl::auto_type(no_type_alias)]
fn free(now: Timestamp) -> _ {
    let unheld = sessions::renewing_until
        .is_null()
        .or(sessions::renewing_until.le(now));
    unheld
        .and(sessions::revoked_at.is_null())
        .and(sessions::expires_at.gt(now))
}
