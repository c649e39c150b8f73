//! The revoked sessions and the latest session generations, in memory, so that a request does not query
//! the database for them. Every replica reads the recent changes from the database once a second, and so
//! learns what the other replicas did.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use parking_lot::RwLock;

use super::fingerprint::{SessionFingerprint, fingerprint};
use super::generation::SessionGeneration;
use super::recent_changes::RecentChanges;
use crate::clock::{Clock, Timestamp};
use crate::db::{Database, DbError};
use crate::ids::SessionId;

/// How far before the previous reading the next one begins, by the database's clock. A change becomes visible
/// when its transaction commits, which may be minutes later if an operator makes it with SQL.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
/// After this time without a reading, a replica no longer knows which sessions are revoked.
const MAX_AGE: Duration = Duration::from_secs(60);

/// After this time without a reading the database does not answer: readings begin after a second, and take little time.
const LATE: Duration = Duration::from_secs(3);

/// What the cache knows about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// The session is not revoked.
    NotRevoked,
    /// The session was revoked before its end.
    Revoked,
    /// The database could not be read for a minute, so the session may have been revoked.
    Unknown,
}

/// The revoked sessions and the latest generations of sessions whose cookies have not expired.
#[derive(Debug, Default)]
pub struct RevocationCache {
    contents: RwLock<CacheContents>,
    /// Added to the age of every reading, for tests.
    extra_age: Duration,
}

#[derive(Debug, Default)]
struct CacheContents {
    /// The expiry of a revoked session's cookies, by the session's [`fingerprint`].
    revoked: HashMap<SessionFingerprint, Timestamp>,
    /// A session's latest generation and the expiry of its cookies, by its [`fingerprint`].
    generations: HashMap<SessionFingerprint, (i32, Timestamp)>,
    /// See [`RevocationCache::epoch`].
    epoch: i64,
    /// The last reading.
    read_at: Option<ReadingTime>,
    /// The last reading, by the monotonic clock.
    read_at_instant: Option<Instant>,
}

/// When a reading began.
#[derive(Clone, Copy, Debug)]
struct ReadingTime {
    /// By the application's clock, by which expired entries were removed.
    here: Timestamp,
    /// By the database's clock, by which changes are read.
    in_database: Timestamp,
}

impl RevocationCache {
    /// The time between two readings. One reading returns every change, so a replica learns of a change
    /// within two seconds.
    pub const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

    /// A cache whose readings count as older by `extra_age`, so that a test need not wait a minute.
    pub fn with_extra_age(extra_age: Duration) -> Self {
        Self {
            extra_age,
            ..Self::default()
        }
    }

    /// Whether the session is revoked.
    pub fn status(&self, session_id: &SessionId) -> RevocationStatus {
        let contents = self.contents.read();
        if contents.revoked.contains_key(&fingerprint(session_id)) {
            return RevocationStatus::Revoked;
        }
        if self.is_fresh(&contents) {
            RevocationStatus::NotRevoked
        } else {
            RevocationStatus::Unknown
        }
    }

    /// Whether the last reading is so old that the database does not answer now.
    pub fn is_late(&self) -> bool {
        let read_at = self.contents.read().read_at_instant;
        read_at.is_none_or(|read_at| read_at.elapsed() > LATE)
    }

    /// Adds a session that this replica has revoked, whose cookies would expire at `expires_at`.
    pub fn add_revoked(&self, session_id: &SessionId, expires_at: Timestamp) {
        let mut contents = self.contents.write();
        contents.revoked.insert(fingerprint(session_id), expires_at);
    }

    /// The latest generation of this session; 0 if it never changed.
    pub fn generation(&self, session_id: &SessionId) -> i32 {
        let contents = self.contents.read();
        let latest = contents.generations.get(&fingerprint(session_id));
        latest.map_or(0, |(generation, _)| *generation)
    }

    /// The database's [epoch](crate::database_epoch::DatabaseEpoch::epoch), as of the last reading.
    pub fn epoch(&self) -> i64 {
        self.contents.read().epoch
    }

    /// Adds a generation that this replica has incremented.
    pub fn add_generation(&self, latest: &SessionGeneration) {
        let session = fingerprint(&latest.session_id);
        let mut contents = self.contents.write();
        contents.add_generation(session, latest.generation, latest.expires_at);
    }

    /// Reads the changes since the last reading, by every replica.
    pub async fn refresh(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let changes = database
            .reserved()
            .read(move |conn| RecentChanges::read(conn, since, now))
            .await?;
        self.add_changes(changes, began, now);
        Ok(())
    }

    /// [`refresh`](Self::refresh) before the server's start, without async.
    pub fn refresh_blocking(&self, database: &Database, now: Timestamp) -> Result<(), DbError> {
        let began = Instant::now();
        let since = self.since(now);
        let changes = database.read_blocking(|conn| RecentChanges::read(conn, since, now))?;
        self.add_changes(changes, began, now);
        Ok(())
    }

    /// Refreshes the cache every second, without end.
    pub async fn refresh_periodically(&self, database: &Database, clock: &Clock) {
        let mut failing = false;
        loop {
            tokio::time::sleep(Self::REFRESH_INTERVAL).await;
            let outcome = self.refresh(database, clock.now()).await;
            match (&outcome, failing) {
                (Ok(()), true) => log::info!("revoked sessions can be read again"),
                (Err(error), false) => log::error!(
                    "failed to read revoked sessions: {error}; after a minute of failures every request with a session is answered with 503"
                ),
                (Ok(()), false) | (Err(_), true) => {}
            }
            failing = outcome.is_err();
        }
    }

    /// The time from which to read, by the database's clock; `None` means to read everything. That is so for the
    /// first reading; when this replica's clock was set back, because expired entries were removed by the wrong
    /// time; and after a minute without a reading.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let contents = self.contents.read();
        let previous = contents.read_at.filter(|previous| previous.here <= now);
        previous
            .filter(|_| self.is_fresh(&contents))
            .map(|previous| previous.in_database.plus(-OVERLAP))
    }

    fn is_fresh(&self, contents: &CacheContents) -> bool {
        let read_at = contents.read_at_instant;
        read_at.is_some_and(|read_at| read_at.elapsed() + self.extra_age < MAX_AGE)
    }

    fn add_changes(&self, changes: RecentChanges, began: Instant, now: Timestamp) {
        let mut contents = self.contents.write();
        contents.revoked.extend(changes.revoked);
        for (session, generation, expires_at) in changes.generations {
            contents.add_generation(session, generation, expires_at);
        }
        contents.epoch = changes.epoch;
        let previous = contents.read_at.replace(ReadingTime {
            here: now,
            in_database: changes.read_at,
        });
        contents.read_at_instant = Some(began);
        // Entries whose cookies have expired are removed once a minute.
        if previous.is_none_or(|previous| previous.here.seconds() / 60 != now.seconds() / 60) {
            contents.revoked.retain(|_, expires_at| *expires_at > now);
            contents
                .generations
                .retain(|_, (_, expires_at)| *expires_at > now);
        }
    }
}

impl CacheContents {
    /// Never lowers a generation: a reading may have begun before the latest increment.
    fn add_generation(&mut self, session: SessionFingerprint, latest: i32, expires_at: Timestamp) {
        let known = self.generations.entry(session);
        let known = known.or_insert((latest, expires_at));
        known.0 = known.0.max(latest);
    }
}

#[cfg(test)]
mod tests;
