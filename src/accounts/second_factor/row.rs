//! The row of an authenticator app in use, its encrypted secret, and the limit of its wrong codes.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use super::recovery_codes;
use super::totp::TotpSecret;
use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::db::Conn;
use crate::db::schema::totp_factors;
use crate::ids::UserId;
use crate::keys::Keys;
use crate::sealing::SealError;

/// How many wrong codes of an account are allowed at once, whatever addresses they come from. Only
/// somebody who knows the password can send any.
const WRONG_CODES: i32 = 10;
/// How long a wrong code counts. Guessing goes on with 144 codes a day, of which one in 333,000 is
/// right.
const WRONG_CODE_INTERVAL: TimeDelta = TimeDelta::minutes(10);

/// The second factor of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// When it was set up.
    pub created_at: Timestamp,
    /// The number of unused recovery codes.
    pub recovery_codes: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = totp_factors)]
pub(super) struct TotpRow {
    pub(super) user_id: UserId,
    secret: Vec<u8>,
    created_at: Timestamp,
    wrong_codes_until: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = totp_factors)]
pub(super) struct NewTotpRow {
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

/// The secret of an account's authenticator app; `None` if it has none, or if no key decrypts it.
pub fn totp_secret(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
) -> QueryResult<Option<TotpSecret>> {
    let row = TotpRow::find(conn, user_id)?;
    Ok(row.and_then(|row| Some(row.secret(keys)?.0)))
}

impl NewTotpRow {
    /// The row of a secret whose code of the time step `last_step` has been accepted.
    pub(super) fn new(
        keys: &Keys,
        user_id: UserId,
        secret: &TotpSecret,
        last_step: i64,
        now: Timestamp,
    ) -> Result<Self, SealError> {
        Ok(Self {
            user_id,
            secret: keys.seal_row(&place(user_id), secret.as_bytes())?,
            created_at: now,
            last_step,
        })
    }
}

impl TotpRow {
    pub(super) fn find(conn: &mut Conn, user_id: UserId) -> QueryResult<Option<Self>> {
        let row = totp_factors::table.find(user_id).select(Self::as_select());
        row.first(conn).optional()
    }

    /// The secret, and whether an older key encrypted it; `None` if no key decrypts it.
    pub(super) fn secret(&self, keys: &Keys) -> Option<(TotpSecret, bool)> {
        let opened = keys.open_row(&place(self.user_id), &self.secret)?;
        let secret = TotpSecret::from_bytes(&opened.plain).ok()?;
        Some((secret, opened.stale))
    }

    /// How long to wait until another code may be compared.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        // A later time was written while the clock was ahead: see `count_wrong_code`.
        let longest = now.plus(WRONG_CODE_INTERVAL * WRONG_CODES);
        let until = self.wrong_codes_until?;
        let until = Some(until).filter(|until| *until <= longest.plus(CLOCK_TOLERANCE))?;
        let allowed = now.plus(WRONG_CODE_INTERVAL * (WRONG_CODES - 1));
        let wait = until.utc() - allowed.utc();
        wait.to_std().ok().filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong code.
    pub(super) fn count_wrong_code(&self, conn: &mut Conn, now: Timestamp) -> QueryResult<()> {
        let from = self.wrong_codes_until.map_or(now, |until| until.max(now));
        // A full bucket does not get fuller, so that the time to wait is bounded.
        let longest = now.plus(WRONG_CODE_INTERVAL * WRONG_CODES);
        let until = from.plus(WRONG_CODE_INTERVAL).min(longest);
        diesel::update(totp_factors::table.find(self.user_id))
            .set(totp_factors::wrong_codes_until.eq(until))
            .execute(conn)?;
        Ok(())
    }

    /// Records that the code of this time step was used; `false` if it, or a later one, was used before.
    pub(super) fn use_step(&self, conn: &mut Conn, step: i64) -> QueryResult<bool> {
        let unused = totp_factors::table
            .find(self.user_id)
            .filter(totp_factors::last_step.lt(step));
        let used = diesel::update(unused)
            .set(totp_factors::last_step.eq(step))
            .execute(conn)?;
        Ok(used > 0)
    }

    /// Encrypts the secret with the newest key, unless it has been replaced meanwhile. If the encryption
    /// fails, it is tried again later.
    pub(super) fn seal_again(
        &self,
        conn: &mut Conn,
        keys: &Keys,
        secret: &TotpSecret,
    ) -> QueryResult<()> {
        let Ok(sealed) = keys.seal_row(&place(self.user_id), secret.as_bytes()) else {
            return Ok(());
        };
        let unchanged = totp_factors::table
            .find(self.user_id)
            .filter(totp_factors::secret.eq(&self.secret));
        diesel::update(unchanged)
            .set(totp_factors::secret.eq(sealed))
            .execute(conn)?;
        Ok(())
    }
}

/// The place to which a secret is bound when it is encrypted.
fn place(user_id: UserId) -> String {
    format!("totp_factors:{user_id}")
}
