//! Sessions of WorkOS that ended here and are to be revoked at WorkOS: an outbox.
//!
//! A row is inserted in the transaction that ends the session, and deleted when WorkOS has answered. Its
//! `next_attempt_at` is also the lease of the process that sends it.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::workos_revocations;
use crate::db::{Conn, on_unique_violation};
use crate::ids::WorkosSid;

/// No attempt is postponed by so much. A time that is later was written while a clock was ahead.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

macro_rules! is_due {
    ($now:expr) => {{
        let at = workos_revocations::next_attempt_at;
        at.le($now).or(at.gt($now.plus(LONGEST_PAUSE)))
    }};
}

/// A session to revoke at WorkOS.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = workos_revocations)]
pub struct WorkosRevocation {
    /// WorkOS's session.
    pub sid: WorkosSid,
    /// When the session ended here.
    pub created_at: Timestamp,
    /// How often a process began to send it.
    pub attempts: i32,
}

impl WorkosRevocation {
    /// Requests that these sessions are revoked at WorkOS. Must be called in the transaction that ends them here.
    pub fn request<'a>(
        conn: &mut Conn,
        sids: impl IntoIterator<Item = &'a WorkosSid>,
        now: Timestamp,
    ) -> QueryResult<()> {
        for sid in sids {
            on_unique_violation(conn, |conn| {
                diesel::insert_into(workos_revocations::table)
                    .values((
                        workos_revocations::sid.eq(sid),
                        workos_revocations::created_at.eq(now),
                        workos_revocations::next_attempt_at.eq(now),
                    ))
                    .execute(conn)
            })?;
        }
        Ok(())
    }

    /// Up to `limit` sessions that are due and that no process is revoking.
    pub fn due(conn: &mut Conn, now: Timestamp, limit: i64) -> QueryResult<Vec<Self>> {
        workos_revocations::table
            .filter(is_due!(now))
            .order(workos_revocations::next_attempt_at)
            .select(Self::as_select())
            .limit(limit)
            .load(conn)
    }

    /// The number of sessions that are not revoked at WorkOS yet.
    pub fn count(conn: &mut Conn) -> QueryResult<i64> {
        workos_revocations::table.count().get_result(conn)
    }

    /// Makes every session due. A process that starts calls it: an earlier process may have ended while it was
    /// revoking them. If another replica is revoking one, WorkOS is asked twice, which does no harm.
    pub fn make_due(conn: &mut Conn, now: Timestamp) -> QueryResult<usize> {
        diesel::update(workos_revocations::table)
            .filter(workos_revocations::next_attempt_at.gt(now))
            .set(workos_revocations::next_attempt_at.eq(now))
            .execute(conn)
    }

    /// Takes the lease until `until`. Returns `false` if another process has taken it or revoked the session.
    pub fn claim(&self, conn: &mut Conn, now: Timestamp, until: Timestamp) -> QueryResult<bool> {
        let claimed = diesel::update(workos_revocations::table.find(&self.sid))
            .filter(is_due!(now))
            .set((
                workos_revocations::next_attempt_at.eq(until),
                workos_revocations::attempts.eq(workos_revocations::attempts + 1),
            ))
            .execute(conn)?;
        Ok(claimed > 0)
    }

    /// Sends it again after `next_attempt_at`.
    pub fn postpone(&self, conn: &mut Conn, next_attempt_at: Timestamp) -> QueryResult<usize> {
        diesel::update(workos_revocations::table.find(&self.sid))
            .set(workos_revocations::next_attempt_at.eq(next_attempt_at))
            .execute(conn)
    }

    /// Deletes it after WorkOS has answered, or when it is given up.
    pub fn delete(&self, conn: &mut Conn) -> QueryResult<usize> {
        diesel::delete(workos_revocations::table.find(&self.sid)).execute(conn)
    }
}
