//! Sets up and removes the second factor of an account, with the audit events.

use diesel::prelude::*;

use super::recovery_codes::{self, RecoveryCodes};
use super::row::NewTotpRow;
use super::totp::{TotpSecret, TotpSecretError};
use crate::accounts::lifecycle::revoke_other_sessions;
use crate::accounts::user::User;
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Timestamp;
use crate::db::schema::{totp_factors, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::{SessionId, UserId};
use crate::keys::Keys;
use crate::random::RandomnessError;
use crate::sealing::SealError;
use crate::sessions::WorkosRevocation;
use crate::workos::ClientDevice;

const TOTP: &str = "totp";
const RECOVERY_CODE: &str = "recovery_code";
const RECOVERY_CODES: &str = "recovery_codes";

/// Why a second factor could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    /// The secret could not be generated.
    #[error(transparent)]
    Secret(#[from] TotpSecretError),
    /// The recovery codes could not be generated.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The secret could not be encrypted.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for SecondFactorError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Locks an active account's row until the end of the transaction, and returns the account. `None` if
/// its tokens have been revoked since it had this `token_version`: by a new password, a log-out
/// everywhere, or a deactivation.
pub fn lock_account(
    conn: &mut Conn,
    user_id: UserId,
    token_version: i64,
) -> QueryResult<Option<User>> {
    let unchanged = users::table
        .find(user_id)
        .filter(users::is_active.eq(true))
        .filter(users::token_version.eq(token_version));
    let locked = diesel::update(unchanged)
        .set(users::id.eq(users::id))
        .execute(conn)?;
    match locked {
        0 => Ok(None),
        _ => User::by_id(conn, user_id),
    }
}

/// Stores a secret, which the caller has compared with the app's code of the time step `last_step`, and
/// new recovery codes. Revokes the account's tokens, and its sessions except `keep`: they may have begun
/// with a stolen password alone. Returns the codes; `None` if the account has a factor by now.
pub fn add_totp(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    (secret, last_step, keep): (&TotpSecret, i64, &SessionId),
    (device, now): (&ClientDevice, Timestamp),
) -> Result<Option<RecoveryCodes>, SecondFactorError> {
    let new = NewTotpRow::new(keys, user_id, secret, last_step, now)?;
    let added = on_unique_violation(conn, |conn| {
        diesel::insert_into(totp_factors::table)
            .values(&new)
            .execute(conn)
    })?;
    if added.is_none() {
        return Ok(None);
    }
    let revoked = revoke_other_sessions(conn, user_id, keep, now)?;
    WorkosRevocation::request(conn, &revoked.workos_sids, now)?;
    let event = AuditEvent::FactorAdded {
        user_id,
        factor: TOTP,
        by: ChangedBy::Owner,
        ended_sessions: revoked.count,
    };
    event.record(conn, device, now)?;
    let codes = RecoveryCodes::generate()?;
    codes.replace(conn, user_id)?;
    Ok(Some(codes))
}

/// Stores a secret that another program has confirmed, in place of one that the account may have. Its
/// codes up to the time step `last_step` have been used there. There are no recovery codes.
pub fn import_totp(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    (secret, last_step): (&TotpSecret, i64),
    now: Timestamp,
) -> Result<(), SecondFactorError> {
    recovery_codes::delete_all(conn, user_id)?;
    diesel::delete(totp_factors::table.find(user_id)).execute(conn)?;
    let new = NewTotpRow::new(keys, user_id, secret, last_step, now)?;
    diesel::insert_into(totp_factors::table)
        .values(&new)
        .execute(conn)?;
    let event = AuditEvent::FactorAdded {
        user_id,
        factor: TOTP,
        by: ChangedBy::Command,
        ended_sessions: 0,
    };
    event.record(conn, &ClientDevice::default(), now)?;
    Ok(())
}

/// Replaces the recovery codes of an account that has a second factor.
pub fn replace_recovery_codes(
    conn: &mut Conn,
    user_id: UserId,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<RecoveryCodes, SecondFactorError> {
    let codes = RecoveryCodes::generate()?;
    codes.replace(conn, user_id)?;
    let event = AuditEvent::FactorAdded {
        user_id,
        factor: RECOVERY_CODES,
        by: ChangedBy::Owner,
        ended_sessions: 0,
    };
    event.record(conn, device, now)?;
    Ok(codes)
}

/// Removes the second factor and the recovery codes. Returns the number of unused recovery codes;
/// `None` if there was no factor.
pub fn remove_second_factor(
    conn: &mut Conn,
    user_id: UserId,
    by: ChangedBy,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<Option<usize>> {
    let codes = recovery_codes::delete_all(conn, user_id)?;
    if diesel::delete(totp_factors::table.find(user_id)).execute(conn)? == 0 {
        return Ok(None);
    }
    let event = AuditEvent::FactorRemoved {
        user_id,
        factor: TOTP,
        by,
    };
    event.record(conn, device, now)?;
    Ok(Some(codes))
}

/// Records that a recovery code was used up.
pub(super) fn record_used_recovery_code(
    conn: &mut Conn,
    user_id: UserId,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<()> {
    let event = AuditEvent::FactorRemoved {
        user_id,
        factor: RECOVERY_CODE,
        by: ChangedBy::Owner,
    };
    event.record(conn, device, now)
}
