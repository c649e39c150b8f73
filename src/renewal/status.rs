//! What a renewal is asked for, and its result.

use std::sync::Arc;
use std::time::Duration;

use super::policy::{RenewalDecision, duration_until};
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::error::{Error, InternalError};
use crate::ids::{OrganizationId, SessionId};
use crate::sealing::SealError;
use crate::sessions::{Confirmation, SessionRow, SessionState};
use crate::workos::ClientDevice;

/// A request to check a session and to renew it if it is due.
#[derive(Clone, Debug)]
pub struct RenewalRequest {
    /// The session.
    pub session_id: SessionId,
    /// The organisation to switch to.
    pub switch_to: Option<OrganizationId>,
    /// The client's device, for WorkOS Radar.
    pub device: ClientDevice,
}

impl RenewalRequest {
    /// The organisation of the renewed session: the requested one, or else the row's.
    pub(super) fn target_organization<'a>(
        &'a self,
        row: &'a SessionRow,
    ) -> Option<&'a OrganizationId> {
        self.switch_to.as_ref().or(row.organization_id.as_ref())
    }
}

/// The status of a session after a check.
#[derive(Clone, Debug)]
pub enum SessionStatus {
    /// The session is valid. The caller updates the cookie with this state.
    Valid(Arc<RenewedSession>),
    /// The session is valid, and another request is renewing it. The cookie stays as it is; the request uses this
    /// state, because the account may have changed since the cookie was written.
    RenewalInProgress(Arc<RenewedSession>),
    /// WorkOS has just refused to renew the session, which has therefore ended.
    Refused,
    /// The session had already ended.
    Ended,
}

/// The current state of a session, from its row.
#[derive(Debug)]
pub struct RenewedSession {
    pub(super) user: User,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) renew_after: Timestamp,
    pub(super) generation: i32,
}

impl RenewedSession {
    /// The state stored in `row`, to be checked again after `renew_after`.
    pub(super) fn from_row(row: &SessionRow, user: User, renew_after: Timestamp) -> Self {
        Self {
            user,
            organization_id: row.organization_id.clone(),
            renew_after,
            generation: row.generation,
        }
    }

    /// The state that WorkOS has confirmed at `now`.
    pub(super) fn from_confirmation(
        user: User,
        confirmation: &Confirmation,
        generation: i32,
        now: Timestamp,
    ) -> Self {
        Self {
            user,
            organization_id: confirmation.organization_id.clone(),
            renew_after: confirmation.renew_after.unwrap_or(now),
            generation,
        }
    }

    /// WorkOS's id of the user.
    pub fn workos_user_id(&self) -> Option<&str> {
        self.user.workos_user_id.as_deref()
    }

    /// The cookie's state, updated at `now`.
    #[must_use]
    pub fn applied_to(&self, state: SessionState, now: Timestamp) -> SessionState {
        let user = self.user.clone();
        SessionState {
            username: user.username_without_email(),
            workos_user_id: user.workos_user_id,
            email: user.email,
            email_verified: user.email_verified,
            first_name: user.first_name,
            last_name: user.last_name,
            picture_url: user.picture_url,
            renew_after: self.renew_after,
            generation: self.generation,
            checked_at: Some(now),
            ..state
        }
    }
}

/// Why the status of a session is unknown. All requests that wait for one check share the error.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum RenewalError {
    /// WorkOS could not be reached for longer than the grace period. It is asked again after this
    /// time.
    #[error("WorkOS cannot be reached; the next attempt is in {0:?}")]
    WorkosUnavailable(Duration),
    #[error(transparent)]
    Database(Arc<DbError>),
    /// The database has not stored the previous renewal yet.
    #[error("the previous renewal is not stored yet")]
    NotStored,
    #[error("the new refresh token cannot be encrypted")]
    Encryption(#[source] Arc<SealError>),
}

/// The result of a check, which all requests that wait for it share.
pub(super) type RenewalResult = Result<SessionStatus, RenewalError>;

/// The status of a session that is not renewed now.
pub(super) fn decided(
    decision: RenewalDecision,
    row: &SessionRow,
    user: User,
    now: Timestamp,
) -> RenewalResult {
    match decision {
        RenewalDecision::Continue { check_again_at } => {
            let current = RenewedSession::from_row(row, user, check_again_at);
            Ok(SessionStatus::Valid(Arc::new(current)))
        }
        RenewalDecision::Unavailable { until } => {
            Err(RenewalError::WorkosUnavailable(duration_until(until, now)))
        }
        RenewalDecision::Renew | RenewalDecision::Wait => {
            let current = RenewedSession::from_row(row, user, now);
            Ok(SessionStatus::RenewalInProgress(Arc::new(current)))
        }
    }
}

impl From<DbError> for RenewalError {
    fn from(error: DbError) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<SealError> for RenewalError {
    fn from(error: SealError) -> Self {
        Self::Encryption(Arc::new(error))
    }
}

impl From<RenewalError> for Error {
    fn from(error: RenewalError) -> Self {
        match error {
            RenewalError::WorkosUnavailable(retry_after) => {
                Self::SessionUnconfirmed { retry_after }
            }
            RenewalError::Database(_) | RenewalError::NotStored => {
                DbError::Unavailable(error.to_string()).into()
            }
            RenewalError::Encryption(_) => InternalError::new("renew a session", error).into(),
        }
    }
}
