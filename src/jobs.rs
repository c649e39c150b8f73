//! Periodic jobs, which one replica at a time runs. A migration inserts the row of each.
//!
//! A replica claims a job by moving the time at which it is due. The time is that of the database's clock: the clock of
//! one replica may be wrong.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::jobs;
use crate::db::{Conn, Database, DbError, database_now};

/// The longest time until a job is due.
pub const LONGEST_CLAIM: TimeDelta = TimeDelta::hours(1);
/// A transaction may have begun this long before another replica's claim.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// A row of `jobs`.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    name: &'static str,
}

impl Job {
    /// The job with this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// How long it is until the job is due; zero if it is due. The row is read with a reader connection, which does not
    /// wait for SQLite's writer.
    pub async fn time_left(self, database: &Database) -> Result<Duration, DbError> {
        let read = move |conn: &mut Conn| {
            let row = jobs::table.find(self.name).select(jobs::due_at);
            let due_at: Timestamp = row.first(conn)?;
            Ok::<_, DbError>((due_at, database_now(conn)?))
        };
        let (due_at, now) = database.read(read).await?;
        if due_at > latest(now) {
            return Ok(Duration::ZERO);
        }
        Ok((due_at.utc() - now.utc()).to_std().unwrap_or_default())
    }

    /// Claims the job for this time, at most [`LONGEST_CLAIM`], if it is due. Returns when the claim ends; `None` if
    /// another replica has claimed the job.
    pub async fn claim(
        self,
        database: &Database,
        duration: TimeDelta,
    ) -> Result<Option<Timestamp>, DbError> {
        database
            .write(move |conn| {
                let now = database_now(conn)?;
                let is_due = jobs::due_at.le(now).or(jobs::due_at.gt(latest(now)));
                let due = diesel::update(jobs::table.find(self.name)).filter(is_due);
                let until = now.plus(duration);
                let moved = due.set(jobs::due_at.eq(until)).execute(conn)?;
                Ok((moved > 0).then_some(until))
            })
            .await
    }

    /// Makes the job due after this time, at most [`LONGEST_CLAIM`], if the claim that ends at `claim` still holds.
    /// Returns when; `None` if another replica has claimed the job.
    pub fn postpone(
        self,
        conn: &mut Conn,
        claim: Timestamp,
        duration: TimeDelta,
    ) -> QueryResult<Option<Timestamp>> {
        let until = database_now(conn)?.plus(duration);
        let claimed = diesel::update(jobs::table.find(self.name)).filter(jobs::due_at.eq(claim));
        let moved = claimed.set(jobs::due_at.eq(until)).execute(conn)?;
        Ok((moved > 0).then_some(until))
    }
}

/// A later time was written while the database's clock was wrong, or by an earlier version.
fn latest(now: Timestamp) -> Timestamp {
    now.plus(LONGEST_CLAIM + TOLERANCE)
}
