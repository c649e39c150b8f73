//! The audit events of sign-ins.

use super::account_limits::{TooManySignIns, check_sign_in_rate};
use crate::accounts::ProvisionError;
use crate::audit::{AuditEvent, RefusedKey};
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::error::SignInFailure;
use crate::ids::{SessionId, UserId};
use crate::settings::Rate;
use crate::workos::{Authentication, ClientDevice, WorkosError, WorkosImpersonator};

/// The most characters of an impersonator's reason that are recorded.
const MAX_REASON: usize = 500;

/// How a user was authenticated, from where, and when.
#[derive(Clone, Debug)]
pub(super) struct SignInRecord {
    method: String,
    amr: Vec<String>,
    impersonator: Option<WorkosImpersonator>,
    pub(super) device: ClientDevice,
    pub(super) now: Timestamp,
    /// How often the account may sign in.
    account_rate: Option<Rate>,
}

impl SignInRecord {
    /// A sign-in through WorkOS.
    pub(super) fn by_workos(
        authentication: &Authentication,
        device: &ClientDevice,
        now: Timestamp,
        account_rate: Option<Rate>,
    ) -> Self {
        let method = authentication.authentication_method.as_ref();
        Self {
            impersonator: authentication.impersonator.clone(),
            amr: authentication.amr.clone(),
            ..Self::new(
                method.map_or("workos", AuthenticationMethod::as_str),
                device,
                now,
                account_rate,
            )
        }
    }

    /// A sign-in with a local password, and with the code of a second factor if the account has one.
    pub(super) fn by_password(
        has_code: bool,
        device: &ClientDevice,
        now: Timestamp,
        account_rate: Option<Rate>,
    ) -> Self {
        let amr = match has_code {
            true => &["pwd", "otp", "mfa"][..],
            false => &[],
        };
        Self {
            amr: amr.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::new(
                AuthenticationMethod::LocalPassword.as_str(),
                device,
                now,
                account_rate,
            )
        }
    }

    /// A sign-in through a provider with this issuer.
    pub(super) fn new(
        method: &str,
        device: &ClientDevice,
        now: Timestamp,
        account_rate: Option<Rate>,
    ) -> Self {
        Self {
            method: method.to_owned(),
            amr: Vec::new(),
            impersonator: None,
            device: device.clone(),
            now,
            account_rate,
        }
    }

    /// Records the sign-in, and the impersonation if it is one. Fails if the account has signed in too
    /// often. Must be called in the transaction that signs in.
    pub(super) fn write<E>(
        &self,
        conn: &mut Conn,
        user_id: UserId,
        session_id: Option<&SessionId>,
    ) -> Result<(), E>
    where
        E: From<diesel::result::Error> + From<TooManySignIns>,
    {
        check_sign_in_rate::<E>(conn, user_id, self.account_rate, self.now)?;
        let signed_in = AuditEvent::SignedIn {
            user_id,
            session_id: session_id.cloned(),
            method: self.method.clone(),
            amr: self.amr.clone(),
        };
        signed_in.record(conn, &self.device, self.now)?;
        let Some(impersonator) = &self.impersonator else {
            return Ok(());
        };
        let reason = impersonator.reason.as_deref();
        let impersonation = AuditEvent::ImpersonationBegan {
            user_id,
            session_id: session_id.cloned(),
            impersonator: impersonator.email.clone(),
            reason: reason.map(|reason| reason.chars().take(MAX_REASON).collect()),
        };
        Ok(impersonation.record(conn, &self.device, self.now)?)
    }
}

impl SignInFailure {
    /// The audit event of this failure. A failure of the database or of this server is none of the
    /// user's, and neither is an outage of WorkOS.
    pub fn audit_event(&self) -> Option<AuditEvent> {
        let (user_id, reason) = match self {
            Self::AttemptCookieMissing => (None, "no open attempt"),
            Self::StateMismatch => (None, "wrong state"),
            Self::AttemptAlreadyUsed => (None, "used attempt"),
            Self::AnotherUser => (
                None,
                "another user than the one who was asked to log in again",
            ),
            Self::NotReauthenticated => (None, "no recent authentication"),
            Self::Throttled(_) => (None, "too many refused codes"),
            Self::TooManySignIns(_) => (None, "too many sign-ins of the account"),
            Self::Provider { .. } => (None, "error in the redirect from WorkOS"),
            Self::Workos(error) if error.is_misconfiguration() => {
                let key = RefusedKey::WorkosApiKey;
                return Some(AuditEvent::KeyRefused { key });
            }
            Self::Workos(WorkosError::Refused { code, .. }) => (None, code.as_str()),
            Self::Provision(ProvisionError::Inactive { user_id }) => {
                (Some(*user_id), "closed account")
            }
            Self::Provision(
                ProvisionError::EmailNotVerified { user_id, .. }
                | ProvisionError::Conflict { user_id, .. },
            ) => (Some(*user_id), "account that cannot be linked"),
            Self::Provision(ProvisionError::Database(_))
            | Self::Workos(WorkosError::Unavailable { .. })
            | Self::Database(_)
            | Self::Internal(_) => return None,
            Self::Provision(_) => (None, "user that WorkOS has deleted or changed"),
        };
        Some(AuditEvent::SignInFailed {
            user_id,
            method: "workos".to_owned(),
            reason: reason.to_owned(),
        })
    }
}
