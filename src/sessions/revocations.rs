//! Which sessions have ended early, and which are marked. Kept in memory, so that no request has to ask
//! the database, and read from it every second, so that what another replica did is known here too.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use chrono::TimeDelta;

use super::{Mark, SessionRow, ended};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};

/// Each reading goes back behind the one before it: a revocation bears the time of its replica's
/// clock, and is seen when its transaction ends, half a minute later at the most.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// A replica that could not read for so long no longer knows whose session has ended.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody ended it.
    Good,
    /// It was ended early.
    Ended,
    /// The database could not be read for a minute: it may have been ended.
    Unknown,
}

/// The sessions that ended early, or were marked, and whose cookies would still be good.
#[derive(Debug, Default)]
pub struct Revocations {
    known: RwLock<Known>,
    late_by: Duration,
}

#[derive(Debug, Default)]
struct Known {
    /// Session by [`fingerprint`], and when its cookie ends by itself.
    ended: HashMap<[u8; 16], Timestamp>,
    /// The latest mark of a session, and when its cookie ends by itself.
    marks: HashMap<[u8; 16], (i32, Timestamp)>,
    /// The last reading, by the one clock.
    read_at: Option<Timestamp>,
    /// The last reading, by a clock that nobody sets.
    fresh_at: Option<Instant>,
}

impl Revocations {
    /// How often the database is asked. One reading tells everything, so another replica knows within
    /// two seconds.
    pub const READ_EVERY: Duration = Duration::from_secs(1);

    /// One whose readings count as so much older than they are: a test need not wait for a minute.
    pub fn late_by(late_by: Duration) -> Self {
        Self {
            late_by,
            ..Self::default()
        }
    }

    /// What is known of this session.
    pub fn standing(&self, session_id: &str) -> Standing {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.ended.contains_key(&fingerprint(session_id)) {
            return Standing::Ended;
        }
        if self.is_trusted(&known) {
            Standing::Good
        } else {
            Standing::Unknown
        }
    }

    /// Notes that this replica has ended a session whose cookie would be good until `expires_at`.
    pub fn end(&self, session_id: &str, expires_at: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.ended.insert(fingerprint(session_id), expires_at);
    }

    /// The latest mark of this session, 0 where there is none.
    pub fn marks(&self, session_id: &str) -> i32 {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mark = known.marks.get(&fingerprint(session_id));
        mark.map_or(0, |(marks, _)| *marks)
    }

    /// Notes that this replica has marked a session.
    pub fn mark(&self, mark: &Mark) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.mark(mark);
    }

    /// Reads what was ended since the last time, anywhere.
    pub async fn read(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let lately = database.read(move |conn| lately(conn, since, now)).await?;
        self.learn(lately, began, now);
        Ok(())
    }

    /// [`read`](Self::read) for a server that is not running yet.
    pub fn read_blocking(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let lately = database.read_blocking(|conn| lately(conn, since, now))?;
        self.learn(lately, began, now);
        Ok(())
    }

    /// Reads every second, for as long as it is awaited.
    pub async fn keep_reading(&self, database: &Database, clock: &Clock) {
        let mut failing = false;
        loop {
            tokio::time::sleep(Self::READ_EVERY).await;
            let outcome = self.read(database, clock.now()).await;
            match (&outcome, failing) {
                (Ok(()), true) => log::info!("ended sessions can be read again"),
                (Err(error), false) => log::error!(
                    "ended sessions cannot be read; after a minute of it nobody counts as signed in: {error}"
                ),
                (Ok(()), false) | (Err(_), true) => {}
            }
            failing = outcome.is_err();
        }
    }

    /// From when on to read; `None`: everything, the first time, when the clock was set back, which may
    /// have forgotten too much, and after a minute without a reading: what the database noticed by its
    /// own clock meanwhile is not to be missed.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let before = known.read_at.filter(|before| *before <= now);
        before
            .filter(|_| self.is_trusted(&known))
            .map(|before| before.plus(-OVERLAP))
    }

    fn is_trusted(&self, known: &Known) -> bool {
        let read = known.fresh_at;
        read.is_some_and(|read| read.elapsed() + self.late_by < TRUSTED_FOR)
    }

    fn learn(&self, lately: Lately, began: Instant, now: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let ended = lately.ended.into_iter();
        let ended = ended.map(|(id, end)| (fingerprint(&id), end));
        known.ended.extend(ended);
        for mark in &lately.marked {
            known.mark(mark);
        }
        let before = known.read_at.replace(now);
        known.fresh_at = Some(began);
        // Once a minute is often enough to forget those whose cookies have ended by themselves.
        if before.is_none_or(|before| before.seconds() / 60 != now.seconds() / 60) {
            known.ended.retain(|_, end| *end > now);
            known.marks.retain(|_, (_, end)| *end > now);
        }
    }
}

impl Known {
    /// A reading that began before the latest mark does not take it back.
    fn mark(&mut self, mark: &Mark) {
        let known = self.marks.entry(fingerprint(&mark.session_id));
        let known = known.or_insert((mark.marks, mark.expires_at));
        known.0 = known.0.max(mark.marks);
    }
}

/// What the database tells in one reading.
#[derive(Debug, Default)]
struct Lately {
    ended: Vec<(String, Timestamp)>,
    marked: Vec<Mark>,
}

fn lately(conn: &mut Conn, since: Option<Timestamp>, now: Timestamp) -> Result<Lately, DbError> {
    let mut ended = SessionRow::ended_since(conn, since, now)?;
    ended.extend(ended::noticed(conn, since.is_none(), now)?);
    let marked = SessionRow::marked_since(conn, since, now)?;
    Ok(Lately { ended, marked })
}

/// Half of the id's SHA-256: a million of them take 32 MB, as text they would take four times that.
fn fingerprint(session_id: &str) -> [u8; 16] {
    let digest = digest::digest(&digest::SHA256, session_id.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_ref()[..16]);
    half
}

#[cfg(test)]
mod tests;
