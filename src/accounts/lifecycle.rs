//! What ends an account's sessions and tokens: a new password, a sign-out everywhere, a closed account. Each to be called
//! inside a transaction.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::users;
use crate::sessions::SessionRow;

/// Gives the account a new password. Ends its tokens and its sessions, `keep` apart; returns how
/// many sessions ended.
pub fn set_password(
    conn: &mut Conn,
    user_id: i64,
    encoded: &str,
    now: Timestamp,
    keep: Option<&str>,
) -> QueryResult<usize> {
    diesel::update(users::table.find(user_id))
        .set((
            users::password.eq(encoded),
            users::token_version.eq(users::token_version + 1),
        ))
        .execute(conn)?;
    SessionRow::revoke_all_except(conn, user_id, keep, now)
}

/// Closes the account: its sessions and tokens end, and no door opens. Returns how many sessions
/// ended; `None` when it was closed already.
pub fn deactivate(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<Option<usize>> {
    // Held first, as a sign-in holds it, so that none slips through in between.
    diesel::update(users::table.find(user_id))
        .set(users::id.eq(users::id))
        .execute(conn)?;
    // Before the account is closed, or the database's trigger would end them and nobody count them.
    let ended = SessionRow::revoke_all_of_user(conn, user_id, now)?;
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(true))
        .set((
            users::is_active.eq(false),
            users::token_version.eq(users::token_version + 1),
        ))
        .execute(conn)?;
    Ok((changed > 0).then_some(ended))
}

/// Ends all sessions and tokens of an account; gives the sessions. The account's row first: a sign-in
/// writes it too, so that none slips through in between.
pub fn revoke_all_sessions(
    conn: &mut Conn,
    user_id: i64,
    now: Timestamp,
) -> QueryResult<Vec<SessionRow>> {
    diesel::update(users::table.find(user_id))
        .set(users::token_version.eq(users::token_version + 1))
        .execute(conn)?;
    let open = SessionRow::active_of_user(conn, user_id, now)?;
    SessionRow::revoke_all_of_user(conn, user_id, now)?;
    Ok(open)
}

/// Closes the account of a user whom WorkOS has deleted. Nothing of WorkOS's opens it again.
pub fn deactivate_deleted_user(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<()> {
    deactivate(conn, user_id, now)?;
    diesel::update(users::table.find(user_id))
        .set(users::workos_deleted_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Opens a closed account; `false` when it was open already. What had ended stays ended. A WorkOS user
/// that was deleted lets go of it, so that another with the same e-mail can be linked.
pub fn activate(conn: &mut Conn, user_id: i64) -> QueryResult<bool> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(false))
        .set(users::is_active.eq(true))
        .execute(conn)?;
    let deleted = users::table
        .find(user_id)
        .filter(users::workos_deleted_at.is_not_null());
    diesel::update(deleted)
        .set((
            users::workos_user_id.eq(None::<String>),
            users::workos_updated_at.eq(None::<Timestamp>),
            users::workos_deleted_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(changed > 0)
}
