//! Sessions that were ended by SQL from outside the program. When an operator deactivates an account or
//! deletes a row with SQL alone, the database's triggers write a tombstone. The revocation cache of every
//! replica reads the tombstones.

use diesel::prelude::*;

use super::fingerprint::{SessionFingerprint, fingerprint};
use crate::clock::Timestamp;
use crate::db::schema::ended_sessions;
use crate::db::{Conn, for_each_row, load_unlocked};
use crate::ids::SessionId;

/// Adds fingerprints and cookie expiry of sessions with a tombstone that was written after `since`, by the database's
/// clock, or of all.
pub(super) fn add_tombstones(
    revoked: &mut Vec<(SessionFingerprint, Timestamp)>,
    conn: &mut Conn,
    since: Option<Timestamp>,
    now: Timestamp,
) -> QueryResult<()> {
    // Without a condition on the expiry, by whose index the database could search instead.
    let since = since.unwrap_or(Timestamp::EPOCH);
    let ended = ended_sessions::table
        .filter(ended_sessions::noticed_at.gt(since))
        .select((ended_sessions::session_id, ended_sessions::expires_at));
    for_each_row!(conn, ended, |(id, expires_at): (SessionId, Timestamp)| {
        if expires_at > now {
            revoked.push((fingerprint(&id), expires_at));
        }
    });
    Ok(())
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
