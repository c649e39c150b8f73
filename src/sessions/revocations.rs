//! Which sessions have ended early. Kept in memory, so that no request has to ask the database, and
//! read from it every second, so that what another replica ended is known here too.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use chrono::TimeDelta;

use super::{SessionRow, ended};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};

/// How often the database is asked.
const EVERY: Duration = Duration::from_secs(1);
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

/// The sessions that ended early and whose cookies would still be good.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Session by [`fingerprint`], and when its cookie ends by itself.
    ended: HashMap<[u8; 16], Timestamp>,
    /// The last reading, by the one clock.
    read_at: Option<Timestamp>,
    /// The last reading, by a clock that nobody sets.
    fresh_at: Option<Instant>,
}

impl Revocations {
    /// What is known of this session.
    pub fn standing(&self, session_id: &str) -> Standing {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.ended.contains_key(&fingerprint(session_id)) {
            return Standing::Ended;
        }
        match known.fresh_at {
            Some(read) if read.elapsed() < TRUSTED_FOR => Standing::Good,
            _ => Standing::Unknown,
        }
    }

    /// Notes that this replica has ended a session whose cookie would be good until `expires_at`.
    pub fn end(&self, session_id: &str, expires_at: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.ended.insert(fingerprint(session_id), expires_at);
    }

    /// Reads what was ended since the last time, anywhere.
    pub async fn read(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let ended = database.read(move |conn| lately(conn, since, now)).await?;
        self.learn(ended, began, now);
        Ok(())
    }

    /// [`read`](Self::read) for a server that is not running yet.
    pub fn read_blocking(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let ended = database.read_blocking(|conn| lately(conn, since, now))?;
        self.learn(ended, began, now);
        Ok(())
    }

    /// Reads every second, for as long as it is awaited.
    pub async fn keep_reading(&self, database: &Database, clock: &Clock) {
        let mut failing = false;
        loop {
            tokio::time::sleep(EVERY).await;
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
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = known.read_at.filter(|before| *before <= now);
        let in_time = known
            .fresh_at
            .is_some_and(|read| read.elapsed() < TRUSTED_FOR);
        before
            .filter(|_| in_time)
            .map(|before| before.plus(-OVERLAP))
    }

    fn learn(&self, ended: Vec<(String, Timestamp)>, began: Instant, now: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let ended = ended.into_iter().map(|(id, end)| (fingerprint(&id), end));
        known.ended.extend(ended);
        let before = known.read_at.replace(now);
        known.fresh_at = Some(began);
        // Once a minute is often enough to forget those whose cookies have ended by themselves.
        if before.is_none_or(|before| before.seconds() / 60 != now.seconds() / 60) {
            known.ended.retain(|_, end| *end > now);
        }
    }
}

fn lately(
    conn: &mut Conn,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>, DbError> {
    let mut ended = SessionRow::ended_since(conn, since, now)?;
    ended.extend(ended::noticed(conn, since.is_none(), now)?);
    Ok(ended)
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
