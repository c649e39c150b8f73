//! Changes to an account that revoke its sessions and tokens: a new password, signing out
//! everywhere, deactivation. All functions are to be called in a transaction.

use std::collections::BTreeSet;
use std::ops::Add;

use diesel::dsl;
use diesel::prelude::*;

use super::import_ledger::{record_closing, record_opening};
use super::user::User;
use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::db::Conn;
use crate::db::schema::users;
use crate::ids::{SessionId, UserId, WorkosSid};
use crate::sessions::SessionRow;

/// Sessions that a change of the account has revoked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RevokedSessions {
    /// How many.
    pub count: usize,
    /// Their WorkOS sessions, from which WorkOS would sign the user in again without credentials.
    pub workos_sids: BTreeSet<WorkosSid>,
}

/// See [`sessions_ended`].
pub(crate) type SessionsEnded = (
    dsl::Eq<users::token_version, <users::token_version as Add<i64>>::Output>,
    dsl::Eq<users::sessions_ended_at, Timestamp>,
);

/// The change of an account's row that ends everything given out for the account: its tokens, and sign-ins
/// that wait for a further step. Every statement that revokes the account's sessions makes this change too;
/// only [`end_everything_of`] changes these columns besides.
pub(crate) fn sessions_ended(now: Timestamp) -> SessionsEnded {
    (
        users::token_version.eq(users::token_version + 1),
        users::sessions_ended_at.eq(now),
    )
}

/// Stores a new password and revokes the account's tokens and its sessions, except for the session
/// `keep`.
pub fn set_password(
    conn: &mut Conn,
    user_id: UserId,
    encoded: &str,
    now: Timestamp,
    keep: Option<&SessionId>,
) -> QueryResult<RevokedSessions> {
    // Locks the row, which a sign-in writes too, so that no session is created meanwhile.
    diesel::update(users::table.find(user_id))
        .set((users::password.eq(encoded), sessions_ended(now)))
        .execute(conn)?;
    revoke_all_except(conn, user_id, keep, now)
}

fn revoke_all_except(
    conn: &mut Conn,
    user_id: UserId,
    keep: Option<&SessionId>,
    now: Timestamp,
) -> QueryResult<RevokedSessions> {
    let active = SessionRow::active_of_user(conn, user_id, now)?;
    let count = SessionRow::revoke_all_except(conn, user_id, keep, now)?;
    let (kept, ended): (Vec<_>, Vec<_>) = active
        .into_iter()
        .partition(|row| keep.is_some_and(|keep| row.id == *keep));
    let kept = kept.into_iter().find_map(|row| row.workos_sid);
    let sids = ended.into_iter().filter_map(|row| row.workos_sid);
    Ok(RevokedSessions {
        count,
        workos_sids: sids.filter(|sid| Some(sid) != kept.as_ref()).collect(),
    })
}

/// Revokes the account's tokens and its sessions, except for the session `keep`.
pub(super) fn revoke_other_sessions(
    conn: &mut Conn,
    user_id: UserId,
    keep: &SessionId,
    now: Timestamp,
) -> QueryResult<RevokedSessions> {
    diesel::update(users::table.find(user_id))
        .set(sessions_ended(now))
        .execute(conn)?;
    revoke_all_except(conn, user_id, Some(keep), now)
}

/// Deactivates the account, so that nobody can sign in to it, and revokes its sessions and tokens.
/// Returns the revoked sessions; `None` if the account was deactivated already. One that an import has closed counts as
/// closed here from then on, so that no import opens it.
pub fn deactivate(
    conn: &mut Conn,
    user_id: UserId,
    now: Timestamp,
) -> QueryResult<Option<RevokedSessions>> {
    // Locks the row, which a sign-in writes too, so that no session is created meanwhile.
    diesel::update(users::table.find(user_id))
        .set(users::id.eq(users::id))
        .execute(conn)?;
    // Comes before the deactivation, whose trigger would revoke the sessions without counting them.
    let revoked = revoke_all_except(conn, user_id, None, now)?;
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(true))
        .set((users::is_active.eq(false), sessions_ended(now)))
        .execute(conn)?;
    if changed == 0 {
        record_closing(conn, user_id)?;
    }
    Ok((changed > 0).then_some(revoked))
}

/// Revokes all sessions and tokens of an account and returns the sessions. The account's row is
/// written first. A sign-in writes it too, so that no session is created meanwhile.
pub fn revoke_all_sessions(
    conn: &mut Conn,
    user_id: UserId,
    now: Timestamp,
) -> QueryResult<Vec<SessionRow>> {
    diesel::update(users::table.find(user_id))
        .set(sessions_ended(now))
        .execute(conn)?;
    let active = SessionRow::active_of_user(conn, user_id, now)?;
    SessionRow::revoke_all_of_user(conn, user_id, now)?;
    Ok(active)
}

/// Ends the tokens of these accounts, and their sign-ins that wait for a further step, after a backup was
/// restored. `step`: a random number, so that no version that an account had after the backup is given out again.
pub fn end_everything_of(
    conn: &mut Conn,
    ids: &[UserId],
    step: i64,
    now: Timestamp,
) -> QueryResult<usize> {
    diesel::update(users::table.filter(users::id.eq_any(ids)))
        .set((
            users::token_version.eq(users::token_version + step),
            users::sessions_ended_at.eq(now),
        ))
        .execute(conn)
}

/// Whether all sessions of the account have ended at or after `since`. To be called after the account's row
/// was written in the same transaction, so that no end is missed. An end in the future, which was written while
/// the clock was ahead, does not count: it would prevent every sign-in with a further step until then.
pub fn sessions_ended_since(
    conn: &mut Conn,
    user_id: UserId,
    since: Timestamp,
    now: Timestamp,
) -> QueryResult<bool> {
    let ended = users::table
        .find(user_id)
        .filter(users::sessions_ended_at.ge(since))
        .filter(users::sessions_ended_at.le(now.plus(CLOCK_TOLERANCE)));
    diesel::select(dsl::exists(ended)).get_result(conn)
}

/// Whether all sessions of the account of this WorkOS user have ended at or after `since`, as
/// [`sessions_ended_since`] finds out; `false` if the account is closed, or not linked yet. Locks the account's row
/// until the transaction ends. To be called before the sign-in updates the account: if it verifies the address, it
/// ends the sessions itself.
pub fn sessions_of_workos_user_ended_since(
    conn: &mut Conn,
    workos_user_id: &str,
    since: Timestamp,
    now: Timestamp,
) -> QueryResult<bool> {
    let locked = diesel::update(users::table)
        .filter(users::workos_user_id.eq(workos_user_id))
        .set(users::id.eq(users::id))
        .execute(conn)?;
    match User::by_workos_user_id(conn, workos_user_id)? {
        Some(user) if locked > 0 && user.is_active => {
            sessions_ended_since(conn, user.id, since, now)
        }
        _ => Ok(false),
    }
}

/// Deactivates the account of a user whom WorkOS has deleted. No later event of WorkOS activates it
/// again. Returns the number of revoked sessions; `None` if the account was deactivated already.
pub fn deactivate_deleted_user(
    conn: &mut Conn,
    user_id: UserId,
    now: Timestamp,
) -> QueryResult<Option<usize>> {
    let revoked = deactivate(conn, user_id, now)?.map(|revoked| revoked.count);
    diesel::update(users::table.find(user_id))
        .set(users::workos_deleted_at.eq(now))
        .execute(conn)?;
    Ok(revoked)
}

/// Activates a deactivated account; `false` if it was active already. Revoked sessions and tokens
/// stay revoked. A link to a deleted WorkOS user is removed, so that another user with the same
/// email can be linked.
pub fn activate(conn: &mut Conn, user_id: UserId) -> QueryResult<bool> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::is_active.eq(false))
        .set(users::is_active.eq(true))
        .execute(conn)?;
    if changed > 0 {
        record_opening(conn, user_id)?;
    }
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
