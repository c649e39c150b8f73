//! The second factor of local passwords: an authenticator app, and recovery codes for when it is lost.
//!
//! A row of `totp_factors` is a factor in use; its secret has been confirmed by a code. Every function
//! that writes is to be called in a transaction that has locked the account's row with
//! [`lock_account`], so that requests about one account follow each other.

mod recovery_codes;
mod totp;

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use super::user::User;
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Timestamp;
use crate::db::schema::{totp_factors, users};
use crate::db::{Conn, DbError, on_unique_violation};
use crate::ids::UserId;
use crate::keys::Keys;
use crate::random::RandomnessError;
use crate::sealing::SealError;
use crate::workos::ClientDevice;
pub use recovery_codes::RecoveryCodes;
pub use totp::{TotpSecret, TotpSecretError};

/// How many wrong codes of an account are allowed at once, whatever addresses they come from. Only
/// somebody who knows the password can send any.
const WRONG_CODES: i32 = 10;
/// How long a wrong code counts. Guessing goes on with 144 codes a day, of which one in 333,000 is
/// right.
const WRONG_CODE_INTERVAL: TimeDelta = TimeDelta::minutes(10);

const TOTP: &str = "totp";
const RECOVERY_CODE: &str = "recovery_code";
const RECOVERY_CODES: &str = "recovery_codes";

/// The second factor of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// When it was set up.
    pub created_at: Timestamp,
    /// The number of unused recovery codes.
    pub recovery_codes: i64,
}

/// The kind of code that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptedCode {
    /// The code of the authenticator app.
    Totp,
    /// A recovery code, which is used up.
    Recovery,
}

/// Why a code was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRejection {
    /// The account has no second factor.
    NoFactor,
    /// The code is wrong.
    Wrong,
    /// The code, or a later one, was accepted before.
    Used,
    /// Too many codes were wrong, so this one was not compared. The next one may be sent after this
    /// time.
    TooMany(Duration),
}

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

#[derive(Queryable, Selectable)]
#[diesel(table_name = totp_factors)]
struct TotpRow {
    user_id: UserId,
    secret: Vec<u8>,
    created_at: Timestamp,
    wrong_codes_until: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = totp_factors)]
struct NewTotpRow {
    user_id: UserId,
    secret: Vec<u8>,
    created_at: Timestamp,
    last_step: i64,
}

impl SecondFactor {
    /// The second factor of an account.
    pub fn of(conn: &mut Conn, user_id: UserId) -> QueryResult<Option<Self>> {
        let Some(row) = TotpRow::find(conn, user_id)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            created_at: row.created_at,
            recovery_codes: recovery_codes::count(conn, user_id)?,
        }))
    }
}

/// Whether an account has a second factor.
pub fn has_second_factor(conn: &mut Conn, user_id: UserId) -> QueryResult<bool> {
    Ok(TotpRow::find(conn, user_id)?.is_some())
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

/// Stores the secret of an authenticator app and new recovery codes. `code` shows that the app has the
/// secret.
pub fn add_totp(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    (secret, code): (&TotpSecret, &str),
    (device, now): (&ClientDevice, Timestamp),
) -> Result<Result<RecoveryCodes, CodeRejection>, SecondFactorError> {
    let Some(last_step) = secret.step_of(code, now) else {
        return Ok(Err(CodeRejection::Wrong));
    };
    let new = NewTotpRow {
        user_id,
        secret: keys.seal_row(&place(user_id), secret.as_bytes())?,
        created_at: now,
        last_step,
    };
    let added = on_unique_violation(conn, |conn| {
        diesel::insert_into(totp_factors::table)
            .values(&new)
            .execute(conn)
    })?;
    if added.is_none() {
        // Another request has set up the factor meanwhile.
        return Ok(Err(CodeRejection::Used));
    }
    let event = AuditEvent::FactorAdded {
        user_id,
        factor: TOTP,
        by: ChangedBy::Owner,
    };
    event.record(conn, device, now)?;
    let codes = RecoveryCodes::generate()?;
    codes.replace(conn, user_id)?;
    Ok(Ok(codes))
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

/// Checks a code of the authenticator app or a recovery code, without separators. Each is accepted
/// once. A rejection counts, so its transaction must be committed.
pub fn check_code(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    code: &str,
    (device, now): (&ClientDevice, Timestamp),
) -> QueryResult<Result<AcceptedCode, CodeRejection>> {
    let Some(row) = TotpRow::find(conn, user_id)? else {
        return Ok(Err(CodeRejection::NoFactor));
    };
    // A recovery code cannot be guessed, so the owner can use one while somebody else guesses.
    if recovery_codes::is_recovery_code(code) {
        if !recovery_codes::use_up(conn, user_id, code)? {
            return row.reject(conn, CodeRejection::Wrong, now).map(Err);
        }
        let event = AuditEvent::FactorRemoved {
            user_id,
            factor: RECOVERY_CODE,
            by: ChangedBy::Owner,
        };
        event.record(conn, device, now)?;
        return Ok(Ok(AcceptedCode::Recovery));
    }
    if let Some(wait) = row.wait(now) {
        return Ok(Err(CodeRejection::TooMany(wait)));
    }
    let Some((secret, is_stale)) = row.secret(keys) else {
        log::error!(
            "the authenticator secret of account {user_id} cannot be decrypted: was SECRET_KEY changed without SECRET_KEY_FALLBACKS?"
        );
        return Ok(Err(CodeRejection::Wrong));
    };
    let Some(step) = secret.step_of(code, now) else {
        return row.reject(conn, CodeRejection::Wrong, now).map(Err);
    };
    let unused = totp_factors::table
        .find(user_id)
        .filter(totp_factors::last_step.lt(step));
    let accepted = diesel::update(unused)
        .set(totp_factors::last_step.eq(step))
        .execute(conn)?;
    if accepted == 0 {
        return row.reject(conn, CodeRejection::Used, now).map(Err);
    }
    if is_stale {
        seal_again(conn, keys, user_id, &secret)?;
    }
    Ok(Ok(AcceptedCode::Totp))
}

impl TotpRow {
    fn find(conn: &mut Conn, user_id: UserId) -> QueryResult<Option<Self>> {
        let row = totp_factors::table.find(user_id).select(Self::as_select());
        row.first(conn).optional()
    }

    /// The secret, and whether an older key encrypted it; `None` if no key decrypts it.
    fn secret(&self, keys: &Keys) -> Option<(TotpSecret, bool)> {
        let opened = keys.open_row(&place(self.user_id), &self.secret)?;
        let secret = TotpSecret::from_bytes(&opened.plain).ok()?;
        Some((secret, opened.stale))
    }

    /// How long to wait until another code may be compared.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let until = self.wrong_codes_until?;
        let allowed = now.plus(WRONG_CODE_INTERVAL * (WRONG_CODES - 1));
        let wait = until.utc() - allowed.utc();
        wait.to_std().ok().filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong code.
    fn reject(
        &self,
        conn: &mut Conn,
        rejection: CodeRejection,
        now: Timestamp,
    ) -> QueryResult<CodeRejection> {
        let from = self.wrong_codes_until.map_or(now, |until| until.max(now));
        // A full bucket does not get fuller, so that the time to wait is bounded.
        let longest = now.plus(WRONG_CODE_INTERVAL * WRONG_CODES);
        let until = from.plus(WRONG_CODE_INTERVAL).min(longest);
        diesel::update(totp_factors::table.find(self.user_id))
            .set(totp_factors::wrong_codes_until.eq(until))
            .execute(conn)?;
        log::warn!(
            "refused a code of the second factor of account {}",
            self.user_id
        );
        Ok(rejection)
    }
}

/// Encrypts a secret with the newest key. If that fails, it is tried again after the next sign-in.
fn seal_again(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    secret: &TotpSecret,
) -> QueryResult<()> {
    let Ok(sealed) = keys.seal_row(&place(user_id), secret.as_bytes()) else {
        return Ok(());
    };
    diesel::update(totp_factors::table.find(user_id))
        .set(totp_factors::secret.eq(sealed))
        .execute(conn)?;
    Ok(())
}

/// The place to which a secret is bound when it is encrypted.
fn place(user_id: UserId) -> String {
    format!("totp_factors:{user_id}")
}

/// A text in groups of four characters.
fn in_groups(text: &str, separator: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let groups = characters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(separator)
}
