//! One reading of the revocation cache: what has changed in the database lately.
//!
//! Changes are found by the time of the database's clock, which is written in the same transaction. The clocks of
//! the replicas that make them may be wrong.

use diesel::prelude::*;

use super::fingerprint::{SessionFingerprint, fingerprint};
use super::generation::SessionGeneration;
use super::sql_ended_sessions::add_tombstones;
use crate::clock::Timestamp;
use crate::database_epoch::DatabaseEpoch;
use crate::db::schema::sessions;
use crate::db::{Conn, DbError, database_now, for_each_row};

/// What one reading returns.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// Fingerprints and cookie expiry of revoked sessions.
    pub(super) revoked: Vec<(SessionFingerprint, Timestamp)>,
    /// Fingerprints, generations and cookie expiry of open sessions.
    pub(super) generations: Vec<(SessionFingerprint, i32, Timestamp)>,
    /// The database's epoch.
    pub(super) epoch: i64,
    /// When the reading began, by the database's clock.
    pub(super) read_at: Timestamp,
}

impl RecentChanges {
    /// Reads the changes of unexpired sessions that were made at `since` or later, by the database's clock, or
    /// all. If that clock was set back, all are read too.
    pub(super) fn read(
        conn: &mut Conn,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, DbError> {
        let read_at = database_now(conn)?;
        let since = since.filter(|since| *since <= read_at);
        // Read first: a cookie of this epoch is compared with rows that are at least as new.
        let epoch = DatabaseEpoch::read(conn)?.epoch;
        let mut changes = Self {
            revoked: Vec::new(),
            generations: Vec::new(),
            epoch,
            read_at,
        };
        add_tombstones(&mut changes.revoked, conn, since, now)?;
        changes.add_sessions(conn, since, now)?;
        Ok(changes)
    }

    /// Adds the sessions that were revoked, or whose generation changed, at `since` or later, or ever. Many may have,
    /// and each second: a list of their rows would leave holes in the allocator's memory.
    fn add_sessions(
        &mut self,
        conn: &mut Conn,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> QueryResult<()> {
        let generation = (sessions::id, sessions::generation, sessions::expires_at);
        let changed = sessions::table.select((generation, sessions::revoked_at.is_not_null()));
        let mut add = |(session, is_revoked): (SessionGeneration, bool)| {
            let fingerprint = fingerprint(&session.session_id);
            match is_revoked {
                _ if session.expires_at <= now => {}
                true => self.revoked.push((fingerprint, session.expires_at)),
                false => {
                    let generation = (fingerprint, session.generation, session.expires_at);
                    self.generations.push(generation);
                }
            }
        };
        // Without a condition on the expiry, by whose index the database could search instead.
        match since {
            Some(since) => for_each_row!(conn, changed.filter(sessions::changed_at.ge(since)), add),
            // Changes before the migration that added `changed_at` do not have it.
            None => {
                // Comparisons, unlike IS NOT NULL, make SQLite use the indexes of both columns.
                let was_revoked = sessions::revoked_at.ge(Timestamp::EPOCH);
                let was_changed = sessions::generation_changed_at.ge(Timestamp::EPOCH);
                for_each_row!(conn, changed.filter(was_revoked.or(was_changed)), add);
            }
        }
        Ok(())
    }
}
