//! What one account may use: how often it can sign in, and how many sessions it can have open.
//!
//! Both limits count accepted sign-ins only, so that nobody without the account's credentials can reach
//! them.

use chrono::TimeDelta;
use diesel::QueryResult;

use crate::accounts::CredentialError;
use crate::audit::{AuditEvent, RevocationReason, nth_last_sign_in};
use crate::clock::{Timestamp, whole_seconds};
use crate::db::Conn;
use crate::error::SignInFailure;
use crate::ids::UserId;
use crate::sessions::{NewSession, SessionRow, WorkosRevocation};
use crate::settings::Rate;
use crate::sign_out::{end_session, unused_sids};
use crate::workos::ClientDevice;

/// The most open sessions of an account. Another sign-in ends the oldest one.
const OPEN_SESSIONS: usize = 100;
/// The account has signed in too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account has signed in too often; it can sign in again in {seconds} s")]
pub struct TooManySignIns {
    /// The seconds to wait.
    pub seconds: u64,
}

/// Checks how often the account has signed in. Must be called before the sign-in is recorded, in its
/// transaction.
pub(super) fn check_sign_in_rate<E>(
    conn: &mut Conn,
    user_id: UserId,
    rate: Option<Rate>,
    now: Timestamp,
) -> Result<(), E>
where
    E: From<diesel::result::Error> + From<TooManySignIns>,
{
    let Some(rate) = rate else { return Ok(()) };
    // The audit trail has every accepted sign-in, so that all replicas count together.
    let Some(first_counted) = nth_last_sign_in(conn, user_id, rate.requests)? else {
        return Ok(());
    };
    let period = TimeDelta::from_std(rate.period).unwrap_or(TimeDelta::MAX);
    let wait = first_counted.plus(period).utc() - now.utc();
    match wait.to_std() {
        // The sign-ins were recorded while the clock was ahead.
        Ok(_) if first_counted.is_from_future(now) => Ok(()),
        Ok(wait) if !wait.is_zero() => Err(TooManySignIns {
            seconds: whole_seconds(wait),
        }
        .into()),
        _ => Ok(()),
    }
}

/// Ends the oldest sessions of the account of this new session, so that [`OPEN_SESSIONS`] are open.
pub(super) fn end_surplus_sessions(
    conn: &mut Conn,
    new: &NewSession,
    device: &ClientDevice,
) -> QueryResult<()> {
    let now = new.created_at;
    let mut others = SessionRow::active_of_user(conn, new.user_id, now)?;
    others.retain(|row| row.id != new.id);
    let surplus = others.split_off(others.len().min(OPEN_SESSIONS - 1));
    for surplus in &surplus {
        end_session(conn, &surplus.id, now)?;
        let ended = AuditEvent::SessionRevoked {
            user_id: surplus.user_id,
            session_id: surplus.id.clone(),
            reason: RevocationReason::TooManySessions,
        };
        ended.record(conn, device, now)?;
    }
    let sids = unused_sids(conn, &surplus, now)?;
    WorkosRevocation::request(conn, &sids, now)
}

impl From<TooManySignIns> for SignInFailure {
    fn from(refusal: TooManySignIns) -> Self {
        Self::TooManySignIns(refusal.seconds)
    }
}

impl From<TooManySignIns> for CredentialError {
    fn from(refusal: TooManySignIns) -> Self {
        Self::TooManySignIns(refusal.seconds)
    }
}
