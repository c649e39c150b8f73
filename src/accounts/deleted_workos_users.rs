//! WorkOS users that WorkOS has deleted. An event about one of them that arrives late does not
//! create an account again.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::deleted_workos_users;
use crate::db::{Conn, load_unlocked, on_unique_violation};

/// How long a deletion is stored. WorkOS repeats an event for three days.
pub const DELETED_USER_RETENTION: TimeDelta = TimeDelta::days(30);

/// Stores that WorkOS has deleted this user. Call it inside a transaction.
pub fn record_deleted_workos_user(
    conn: &mut Conn,
    workos_user_id: &str,
    now: Timestamp,
) -> QueryResult<()> {
    let updated = diesel::update(deleted_workos_users::table.find(workos_user_id))
        .set(deleted_workos_users::deleted_at.eq(now))
        .execute(conn)?;
    if updated == 0 {
        on_unique_violation(conn, |conn| {
            diesel::insert_into(deleted_workos_users::table)
                .values((
                    deleted_workos_users::workos_user_id.eq(workos_user_id),
                    deleted_workos_users::deleted_at.eq(now),
                ))
                .execute(conn)
        })?;
    }
    Ok(())
}

/// Whether WorkOS has deleted this user.
pub(super) fn is_deleted_workos_user(conn: &mut Conn, workos_user_id: &str) -> QueryResult<bool> {
    let deleted = deleted_workos_users::table.find(workos_user_id);
    diesel::select(diesel::dsl::exists(deleted)).get_result(conn)
}

/// Deletes up to `limit` old deletions.
pub fn delete_old_workos_deletions(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<usize> {
    let old: Vec<String> = load_unlocked!(
        conn,
        deleted_workos_users::table
            .filter(deleted_workos_users::deleted_at.le(now.plus(-DELETED_USER_RETENTION)))
            .select(deleted_workos_users::workos_user_id)
            .limit(limit)
    )?;
    let old = deleted_workos_users::table.filter(deleted_workos_users::workos_user_id.eq_any(old));
    diesel::delete(old).execute(conn)
}
