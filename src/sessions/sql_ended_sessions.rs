//! Sessions that were ended by SQL from outside the program. When an operator deactivates an account or
//! deletes a row with SQL alone, the database's triggers write a tombstone. The revocation cache of every
//! replica reads the tombstones.

use diesel::prelude::*;

use super::fingerprint::{SessionFingerprint, fingerprint};
use crate::clock::Timestamp;
use crate::db::schema::ended_sessions;
use crate::db::{Conn, load_unlocked};
use crate::ids::SessionId;

/// Fingerprints and cookie expiry of sessions with a tombstone that was written after `since`, by the database's clock, or
/// of all.
pub(super) fn tombstones(
    conn: &mut Conn,
    since: Option<Timestamp>,
    now: Timestamp,
) -> QueryResult<Vec<(SessionFingerprint, Timestamp)>> {
    // Without a condition on the expiry, by whose index the database could search instead.
    let since = since.unwrap_or(Timestamp::EPOCH);
    let ended: Vec<(SessionId, Timestamp)> = ended_sessions::table
        .filter(ended_sessions::noticed_at.gt(since))
        .select((ended_sessions::session_id, ended_sessions::expires_at))
        .load(conn)?;
    let current = ended.iter().filter(|(_, expires_at)| *expires_at > now);
    Ok(current
        .map(|(id, expires_at)| (fingerprint(id), *expires_at))
        .collect())
}

/// Deletes up to `limit` tombstones of sessions whose cookies have expired.
pub fn delete_expired_tombstones(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<usize> {
    let expired: Vec<SessionId> = load_unlocked!(
        conn,
        ended_sessions::table
            .filter(ended_sessions::expires_at.le(now))
            .select(ended_sessions::session_id)
            .limit(limit)
    )?;
    let expired = ended_sessions::table.filter(ended_sessions::session_id.eq_any(expired));
    diesel::delete(expired).execute(conn)
}
