//! Sessions of WorkOS that ended here and are to be revoked at WorkOS: an outbox.
//!
//! A row is inserted in the transaction that ends the session, and deleted when WorkOS has answered. Its
//! `next_attempt_at` is also the lease of the process that sends it. If the browser is to end the session at WorkOS,
//! the row waits for it: a browser that does not follow the redirect must not stay signed in there. A sign-in that goes
//! on with WorkOS's session deletes such a row.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::{Clock, Timestamp};
use crate::db::schema::{sessions, workos_revocations};
use crate::db::{Conn, database_time, on_unique_violation};
use crate::ids::{SessionId, UserId, WorkosSid};

/// How long a browser may take to end a session at WorkOS. If WorkOS were told before, its log-out page would
/// answer that there is no such session.
const TIME_OF_BROWSER: TimeDelta = TimeDelta::minutes(1);
/// The most sessions of refused sign-ins that wait. Anybody with an account can cause them, and WorkOS's session of the
/// others goes on.
const MOST_REFUSED: i64 = 1_000;
/// No attempt is postponed by so much. A time that is later was written while a clock was ahead.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

macro_rules! is_due {
    ($now:expr) => {{
        let at = workos_revocations::next_attempt_at;
        at.le($now).or(at.gt($now.plus(LONGEST_PAUSE)))
    }};
}

/// The order in which sessions are revoked. Otherwise somebody who causes many of one kind could delay those that a user
/// asks for by hours.
#[derive(Clone, Copy)]
enum Priority {
    /// A user, an operator or a rule of the server ended the session.
    Ended = 0,
    /// The user logged out, and the browser has usually ended it already.
    LoggedOut = 1,
    /// The sign-in was refused.
    Refused = 2,
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
            if !Self::insert(conn, sid, Priority::Ended, now, due_at_once(now))? {
                Self::raise(conn, std::slice::from_ref(sid), now)?;
            }
        }
        Ok(())
    }

    /// Has no sign-in withdraw the requests of a user whose sessions all end, except those for WorkOS's session of
    /// `keep`: who logs out and signs in again and again could otherwise keep WorkOS's session. Must be called in the
    /// transaction that ends the sessions.
    pub fn settle(
        conn: &mut Conn,
        user_id: UserId,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> QueryResult<()> {
        let kept: Option<WorkosSid> = match keep {
            Some(keep) => {
                let sid = sessions::table.find(keep).select(sessions::workos_sid);
                sid.first(conn).optional()?.flatten()
            }
            None => None,
        };
        let others = workos_revocations::sid.ne(kept.as_deref().unwrap_or_default());
        let requested: Vec<WorkosSid> = workos_revocations::table
            .filter(workos_revocations::sid.eq_any(sids_of(user_id)))
            .filter(others)
            .select(workos_revocations::sid)
            .load(conn)?;
        match requested.is_empty() {
            true => Ok(()),
            false => Self::raise(conn, &requested, now),
        }
    }

    /// Makes requests due that wait for a browser, and lets no sign-in withdraw any of these.
    fn raise(conn: &mut Conn, sids: &[WorkosSid], now: Timestamp) -> QueryResult<()> {
        let these = || workos_revocations::table.filter(workos_revocations::sid.eq_any(sids));
        diesel::update(these())
            .filter(workos_revocations::attempts.eq(0))
            .filter(workos_revocations::next_attempt_at.gt(now))
            .set(workos_revocations::next_attempt_at.eq(due_at_once(now)))
            .execute(conn)?;
        diesel::update(these())
            .set(workos_revocations::priority.eq(Priority::Ended as i32))
            .execute(conn)?;
        Ok(())
    }

    /// Requests that a session is revoked at WorkOS if the browser, which is sent to WorkOS's log-out, has not ended
    /// it within a minute by the database's clock. Must be called in the transaction that ends it here.
    pub fn request_after_browser(
        conn: &mut Conn,
        sid: &WorkosSid,
        clock: &Clock,
        now: Timestamp,
    ) -> QueryResult<()> {
        let later = database_time(conn, clock)?.plus(TIME_OF_BROWSER);
        Self::insert(conn, sid, Priority::LoggedOut, now, later)?;
        Ok(())
    }

    /// Requests that the session of a refused sign-in is revoked at WorkOS. Returns `false` if too many wait.
    pub fn request_of_refused(
        conn: &mut Conn,
        sid: &WorkosSid,
        now: Timestamp,
    ) -> QueryResult<bool> {
        let waiting: i64 = workos_revocations::table
            .filter(workos_revocations::priority.eq(Priority::Refused as i32))
            .count()
            .get_result(conn)?;
        if waiting >= MOST_REFUSED {
            return Ok(false);
        }
        Self::insert(conn, sid, Priority::Refused, now, due_at_once(now))?;
        Ok(true)
    }

    /// Withdraws the request for a session with which a user has signed in again: it would end the new session here.
    /// What was ended for the account's safety stays requested. Must be called in the transaction that signs in.
    pub fn withdraw(conn: &mut Conn, sid: &WorkosSid) -> QueryResult<usize> {
        diesel::delete(workos_revocations::table.find(sid))
            .filter(workos_revocations::priority.ne(Priority::Ended as i32))
            .execute(conn)
    }

    /// Returns `false` if the revocation was requested before.
    fn insert(
        conn: &mut Conn,
        sid: &WorkosSid,
        priority: Priority,
        now: Timestamp,
        next_attempt_at: Timestamp,
    ) -> QueryResult<bool> {
        let inserted = on_unique_violation(conn, |conn| {
            diesel::insert_into(workos_revocations::table)
                .values((
                    workos_revocations::sid.eq(sid),
                    workos_revocations::created_at.eq(now),
                    workos_revocations::next_attempt_at.eq(next_attempt_at),
                    workos_revocations::priority.eq(priority as i32),
                ))
                .execute(conn)
        })?;
        Ok(inserted.is_some())
    }

    /// Up to `limit` sessions that are due and that no process is revoking: of this user, or of all. `now`: by the
    /// database's clock, as for the functions below.
    pub fn due(
        conn: &mut Conn,
        user_id: Option<UserId>,
        now: Timestamp,
        limit: u8,
    ) -> QueryResult<Vec<Self>> {
        let mut due = workos_revocations::table
            .filter(is_due!(now))
            .order((
                workos_revocations::priority,
                workos_revocations::next_attempt_at,
            ))
            .select(Self::as_select())
            .limit(i64::from(limit))
            .into_boxed();
        if let Some(user_id) = user_id {
            due = due.filter(workos_revocations::sid.eq_any(sids_of(user_id)));
        }
        due.load(conn)
    }

    /// The number of sessions of a user that are not revoked at WorkOS yet.
    pub fn count_of_user(conn: &mut Conn, user_id: UserId) -> QueryResult<i64> {
        workos_revocations::table
            .filter(workos_revocations::sid.eq_any(sids_of(user_id)))
            .count()
            .get_result(conn)
    }

    /// Makes every session due that a process has begun to revoke. A process that starts calls it: an earlier process
    /// may have ended meanwhile. If another replica is revoking one, WorkOS is asked twice, which does no harm.
    pub fn make_due(conn: &mut Conn, now: Timestamp) -> QueryResult<usize> {
        diesel::update(workos_revocations::table)
            .filter(workos_revocations::attempts.gt(0))
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

    /// Deletes a request after WorkOS has answered or has ended the session, or when it is given up.
    pub fn delete(conn: &mut Conn, sid: &WorkosSid) -> QueryResult<usize> {
        diesel::delete(workos_revocations::table.find(sid)).execute(conn)
    }
}

/// A time that has passed for the database's clock, which decides what is due, although `now` may be that of a machine
/// whose clock is ahead.
fn due_at_once(now: Timestamp) -> Timestamp {
    now.plus(-TimeDelta::days(1))
}

/// WorkOS's sessions of a user, also those that have ended.
#[diesel::dsl::auto_type]
fn sids_of(user_id: UserId) -> _ {
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::workos_sid.is_not_null())
        .select(sessions::workos_sid.assume_not_null())
}
