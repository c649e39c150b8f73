//! Sessions that were ended by SQL from outside the program. When an operator deactivates an account or
//! deletes a row with SQL alone, the database's triggers write a tombstone. The revocation cache of every
//! replica reads the tombstones.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::ended_sessions;
use crate::db::{Conn, database_now};
use crate::ids::SessionId;

/// How far before the present a reading begins, by the database's clock. A tombstone becomes visible
/// when its transaction commits, which may be minutes after its time.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);

/// Ids and cookie expiry of sessions with a tombstone: the recent ones, or all of them.
pub(super) fn tombstones(
    conn: &mut Conn,
    all: bool,
    now: Timestamp,
) -> QueryResult<Vec<(SessionId, Timestamp)>> {
    let since = database_now(conn)?.plus(-OVERLAP);
    let unexpired = ended_sessions::table
        .filter(ended_sessions::expires_at.gt(now))
        .select((ended_sessions::session_id, ended_sessions::expires_at));
    if all {
        return unexpired.load(conn);
    }
    let recent = unexpired.filter(ended_sessions::noticed_at.gt(since));
    recent.load(conn)
}

/// Deletes up to `limit` tombstones of sessions whose cookies have expired.
pub fn delete_expired_tombstones(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<usize> {
    let expired: Vec<SessionId> = ended_sessions::table
        .filter(ended_sessions::expires_at.le(now))
        .select(ended_sessions::session_id)
        .limit(limit)
        .load(conn)?;
    let expired = ended_sessions::table.filter(ended_sessions::session_id.eq_any(expired));
    diesel::delete(expired).execute(conn)
}
