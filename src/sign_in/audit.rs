//! The audit events of a sign-in that succeeded.

use diesel::QueryResult;

use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::ids::{SessionId, UserId};
use crate::workos::{Authentication, ClientDevice, WorkosImpersonator};

/// The most characters of an impersonator's reason that are recorded.
const MAX_REASON: usize = 500;

/// How a user was authenticated, from where, and when.
#[derive(Clone, Debug)]
pub(super) struct SignInRecord {
    method: String,
    impersonator: Option<WorkosImpersonator>,
    device: ClientDevice,
    now: Timestamp,
}

impl SignInRecord {
    /// A sign-in through WorkOS.
    pub(super) fn by_workos(
        authentication: &Authentication,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Self {
        let method = authentication.authentication_method.as_deref();
        Self {
            impersonator: authentication.impersonator.clone(),
            ..Self::new(method.unwrap_or("workos"), device, now)
        }
    }

    /// A sign-in by another method: with a local password, or through a provider with this issuer.
    pub(super) fn new(method: &str, device: &ClientDevice, now: Timestamp) -> Self {
        Self {
            method: method.to_owned(),
            impersonator: None,
            device: device.clone(),
            now,
        }
    }

    /// Records the sign-in, and the impersonation if it is one. Must be called in the transaction that
    /// signs in.
    pub(super) fn write(
        &self,
        conn: &mut Conn,
        user_id: UserId,
        session_id: Option<&SessionId>,
    ) -> QueryResult<()> {
        let signed_in = AuditEvent::SignedIn {
            user_id,
            session_id: session_id.cloned(),
            method: self.method.clone(),
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
        impersonation.record(conn, &self.device, self.now)
    }
}
