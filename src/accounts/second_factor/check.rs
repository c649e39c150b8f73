//! Checks a code of the authenticator app, or a recovery code. Each is accepted once.

use std::time::Duration;

use diesel::prelude::*;

use super::changes::record_used_recovery_code;
use super::recovery_codes;
use super::row::TotpRow;
use crate::audit::AuditEvent;
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::UserId;
use crate::keys::Keys;
use crate::workos::ClientDevice;

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
    /// The secret of the authenticator app cannot be decrypted, so that only recovery codes can be
    /// checked.
    SecretLost,
}

impl CodeRejection {
    /// Whether the code was compared, and counts as a guess.
    pub fn is_guess(self) -> bool {
        matches!(self, Self::Wrong | Self::Used)
    }

    /// The audit event of this rejection, if it is the user's failure.
    pub fn audit_event(self, user_id: UserId) -> Option<AuditEvent> {
        let reason = match self {
            Self::Wrong => "refused code",
            Self::Used => "used code",
            Self::TooMany(_) => "too many refused codes",
            Self::NoFactor | Self::SecretLost => return None,
        };
        Some(AuditEvent::SignInFailed {
            user_id: Some(user_id),
            method: AuthenticationMethod::LocalPassword.into(),
            reason: reason.to_owned(),
        })
    }
}

/// Checks a code of the authenticator app or a recovery code, without separators. An accepted code is used
/// up. A rejection counts, so its transaction must be committed.
pub fn check_code(
    conn: &mut Conn,
    keys: &Keys,
    user_id: UserId,
    code: &str,
    (device, now): (&ClientDevice, Timestamp),
) -> QueryResult<Result<(), CodeRejection>> {
    let Some(row) = TotpRow::find(conn, user_id)? else {
        return Ok(Err(CodeRejection::NoFactor));
    };
    // A recovery code cannot be guessed, so the owner can use one while somebody else guesses.
    let checked = if recovery_codes::is_recovery_code(code) {
        match recovery_codes::use_up(conn, user_id, code)? {
            true => {
                record_used_recovery_code(conn, user_id, device, now)?;
                Ok(())
            }
            false => Err(CodeRejection::Wrong),
        }
    } else {
        check_totp(conn, keys, &row, code, now)?
    };
    if checked.is_err_and(CodeRejection::is_guess) {
        row.count_wrong_code(conn, now)?;
    }
    Ok(checked)
}

fn check_totp(
    conn: &mut Conn,
    keys: &Keys,
    row: &TotpRow,
    code: &str,
    now: Timestamp,
) -> QueryResult<Result<(), CodeRejection>> {
    if let Some(wait) = row.wait(now) {
        return Ok(Err(CodeRejection::TooMany(wait)));
    }
    let user_id = row.user_id;
    let Some((secret, is_stale)) = row.secret(keys) else {
        log::error!(
            "the secret of the authenticator app of account {user_id} cannot be decrypted: SECRET_KEY was changed without SECRET_KEY_FALLBACKS. The user can log in with a recovery code, or after `vestibule resettotp`"
        );
        return Ok(Err(CodeRejection::SecretLost));
    };
    let Some(step) = secret.step_of(code, now) else {
        return Ok(Err(CodeRejection::Wrong));
    };
    if !row.use_step(conn, step)? {
        return Ok(Err(CodeRejection::Used));
    }
    if is_stale {
        row.seal_again(conn, keys, &secret)?;
    }
    Ok(Ok(()))
}
