//! What ends an account's sessions and tokens: a new password, a closed account. Each to be called
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
    SessionRow::revoke_all_but(conn, user_id, keep, now)
}

/// Closes the account: its sessions and tokens end, and no door opens. Returns how many sessions
/// ended; `None` when it was closed already.
pub fn close(conn: &mut Conn, user_id: i64, now: Timestamp) -> QueryResult<Option<usize>> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(true))
        .set((
            users::is_active.eq(false),
            users::token_version.eq(users::token_version + 1),
        ))
        .execute(conn)?;
    // Even then: somebody may have closed it with SQL alone, and left its sessions open.
    let ended = SessionRow::revoke_all_of(conn, user_id, now)?;
    Ok((changed > 0).then_some(ended))
}

/// Opens a closed account; `false` when it was open already. What had ended stays ended.
pub fn open(conn: &mut Conn, user_id: i64) -> QueryResult<bool> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(false))
        .set(users::is_active.eq(true))
        .execute(conn)?;
    Ok(changed > 0)
}
