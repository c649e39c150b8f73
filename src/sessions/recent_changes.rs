//! One reading of the revocation cache: what has changed in the database lately.
//!
//! Changes are found by the time of the database's clock, which is written in the same transaction. The clocks of
//! the replicas that make them may be wrong.

use diesel::prelude::*;

use super::fingerprint::{SessionFingerprint, fingerprint};
use super::generation::SessionGeneration;
use super::sql_ended_sessions::tombstones;
use crate::clock::Timestamp;
use crate::database_epoch::DatabaseEpoch;
use crate::db::schema::sessions;
use crate::db::{Conn, DbError, database_now};

/// What one reading returns.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// Fingerprints and cookie expiry of revoked sessions.
    pub(super) revoked: Vec<(SessionFingerprint, Timestamp)>,
    /// The generations of open sessions.
    pub(super) generations: Vec<SessionGeneration>,
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
        let mut revoked = tombstones(conn, since, now)?;
        let mut generations = Vec::new();
        for (session, is_revoked) in changed_sessions(conn, since)? {
            match is_revoked {
                _ if session.expires_at <= now => {}
                true => revoked.push((fingerprint(&session.session_id), session.expires_at)),
                false => generations.push(session),
            }
        }
        Ok(Self {
            revoked,
            generations,
            epoch,
            read_at,
        })
    }
}

/// The sessions that were revoked, or whose generation changed, at `since` or later, or ever; with each, whether
/// it is revoked.
fn changed_sessions(
    conn: &mut Conn,
    since: Option<Timestamp>,
) -> QueryResult<Vec<(SessionGeneration, bool)>> {
    let generation = (sessions::id, sessions::generation, sessions::expires_at);
    let changed = sessions::table.select((generation, sessions::revoked_at.is_not_null()));
    // Without a condition on the expiry, by whose index the database could search instead.
    match since {
        Some(since) => changed.filter(sessions::changed_at.ge(since)).load(conn),
        // Changes before the migration that added `changed_at` do not have it.
        None => {
            // Comparisons, unlike IS NOT NULL, make SQLite use the indexes of both columns.
            let was_revoked = sessions::revoked_at.ge(Timestamp::EPOCH);
            let was_changed = sessions::generation_changed_at.ge(Timestamp::EPOCH);
            changed.filter(was_revoked.or(was_changed)).load(conn)
        }
    }
}
