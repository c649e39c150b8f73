//! Sessions that ended behind the program's back. The database's triggers note them when an account
//! is closed, or a row deleted, with SQL alone; nothing else would ever tell.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::ended_sessions;
use crate::db::{Conn, database_now};

/// How far each reading goes back, by the database's own clock: a session is seen when the
/// transaction that ended it ends, which somebody may have left open for a while.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);

/// Ids of these sessions, and when their cookies end by themselves; the latest, or `all`.
pub(super) fn noticed(
    conn: &mut Conn,
    all: bool,
    now: Timestamp,
) -> QueryResult<Vec<(String, Timestamp)>> {
    let since = database_now(conn)?.plus(-OVERLAP);
    let good = ended_sessions::table
        .filter(ended_sessions::expires_at.gt(now))
        .select((ended_sessions::session_id, ended_sessions::expires_at));
    if all {
        return good.load(conn);
    }
    good.filter(ended_sessions::noticed_at.gt(since)).load(conn)
}

/// Forgets those whose cookies have ended by themselves, `most` of them at the most.
pub fn forget_ended(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
    let expired: Vec<String> = ended_sessions::table
        .filter(ended_sessions::expires_at.le(now))
        .select(ended_sessions::session_id)
        .limit(most)
        .load(conn)?;
    let gone = ended_sessions::table.filter(ended_sessions::session_id.eq_any(expired));
    diesel::delete(gone).execute(conn)
}
