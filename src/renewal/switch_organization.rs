//! Switching the organisation of a session: a renewal that names another organisation, under the same
//! lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::RenewalContext;
use super::execute::LeasedRenewal;
use super::policy::POLL_INTERVAL;
use super::refresh_grant::RefreshOutcome;
use super::status::{RenewalError, RenewalRequest, RenewedSession, SessionStatus};
use crate::db::{Conn, DbError};
use crate::ids::OrganizationId;
use crate::sessions::{LeaseCondition, SessionRow};
use crate::workos::{RenewalAdmission, RenewalPermit, WorkosError};

/// The longest wait for another renewal of the same session.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// When to try again, unless WorkOS sent a `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// WorkOS's error code for a session that has ended, whatever the organisation.
const SESSION_ENDED: &str = "invalid_grant";

/// The result of a switch.
#[derive(Clone, Debug)]
pub enum OrganizationSwitch {
    /// The session is in the organisation.
    Done(Arc<RenewedSession>),
    /// The session has ended.
    SessionEnded,
    /// The session was created by a local password sign-in and has no WorkOS session.
    LocalSession,
    /// WorkOS refused. The error may name a step that allows the switch.
    Refused(WorkosError),
    /// WorkOS cannot be reached, or the session is being renewed. Trying again after this time may
    /// work.
    RetryLater(Duration),
}

/// Switches once no other renewal of the session is running.
pub(super) async fn switch_organization(
    context: &RenewalContext,
    request: &RenewalRequest,
) -> Result<OrganizationSwitch, RenewalError> {
    let began = Instant::now();
    loop {
        let now = context.clock.now();
        let Some((row, user)) = context.find_open(&request.session_id, now).await? else {
            context.end_session(request, now).await?;
            return Ok(OrganizationSwitch::SessionEnded);
        };
        if row.workos_refresh_token.is_none() {
            return Ok(OrganizationSwitch::LocalSession);
        }
        if context.write_behind.pending(&request.session_id).is_some() {
            return Ok(OrganizationSwitch::RetryLater(RETRY_AFTER));
        }
        // A switch whose response is lost costs the session, so it waits for the end of an outage.
        let permit = match context.workos.admit_renewal(user.id).await {
            RenewalAdmission::Admitted(permit) => permit,
            RenewalAdmission::Refused(wait) => return Ok(OrganizationSwitch::RetryLater(wait)),
        };
        let leased = LeasedRenewal::take(context, request, user, LeaseCondition::Free);
        if let Some(leased) = leased.await?
            && let Some(switch) = leased.switch(&permit).await?
        {
            return Ok(switch);
        }
        drop(permit);
        if began.elapsed() >= LONGEST_WAIT {
            return Ok(OrganizationSwitch::RetryLater(RETRY_AFTER));
        }
        log::debug!(
            "a switch of session {} waits for a renewal",
            request.session_id
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

impl LeasedRenewal<'_> {
    /// Asks WorkOS and stores the result. Returns `None` if the lease was lost meanwhile.
    async fn switch(
        self,
        permit: &RenewalPermit,
    ) -> Result<Option<OrganizationSwitch>, RenewalError> {
        match self.ask_workos(permit).await {
            RefreshOutcome::Confirmed(authentication) => {
                let wanted = self.request.switch_to.clone();
                let status = self.confirm(*authentication).await?;
                Ok(status.map(|status| switch_of(status, wanted.as_ref())))
            }
            RefreshOutcome::Unverified(authentication, error) => {
                let token = self.seal(&authentication)?;
                self.postpone(Some(token), &error).await.map(Some)
            }
            RefreshOutcome::Unavailable(error) => self.postpone(None, &error).await.map(Some),
            RefreshOutcome::Declined(error) if is_session_ended(&error) => {
                self.end_for(&error.to_string()).await
            }
            RefreshOutcome::Declined(error) => {
                self.give_back().await?;
                Ok(Some(OrganizationSwitch::Refused(error)))
            }
            RefreshOutcome::Invalid(reason) => self.end_for(&reason).await,
        }
    }

    async fn end_for(self, reason: &str) -> Result<Option<OrganizationSwitch>, RenewalError> {
        let ended = self.end(reason).await?;
        Ok(ended.map(|_| OrganizationSwitch::SessionEnded))
    }

    /// Records a failure. A response that was lost may have contained a new refresh token, which
    /// WorkOS repeats for only half a minute, so a new generation makes the session's next
    /// request renew it.
    async fn postpone(
        self,
        token: Option<Vec<u8>>,
        error: &WorkosError,
    ) -> Result<OrganizationSwitch, RenewalError> {
        let (context, id, database) = (self.context, self.row.id.clone(), self.database());
        let retry_after = error.retry_after();
        match self.record_failure(token, error).await {
            Ok(_) | Err(RenewalError::WorkosUnavailable(_)) => {}
            Err(error) => return Err(error),
        }
        let now = context.clock.now();
        let increment = move |conn: &mut Conn| {
            SessionRow::increment_generation(conn, &id, now).map_err(DbError::from)
        };
        let write_behind = &context.write_behind;
        let new_generation = write_behind.write(&database, Arc::new(increment));
        if let Some(new) = new_generation.await? {
            context.revocations.add_generation(&new);
        }
        let retry_after = retry_after.unwrap_or(RETRY_AFTER);
        Ok(OrganizationSwitch::RetryLater(retry_after))
    }
}

/// WorkOS may have repeated a response that an earlier renewal lost, in the organisation of that
/// time. That response is stored, and the next attempt has a new refresh token.
fn switch_of(status: SessionStatus, wanted: Option<&OrganizationId>) -> OrganizationSwitch {
    match status {
        SessionStatus::Valid(renewed) if renewed.organization_id.as_ref() == wanted => {
            OrganizationSwitch::Done(renewed)
        }
        SessionStatus::Valid(_) | SessionStatus::RenewalInProgress(_) => {
            OrganizationSwitch::RetryLater(RETRY_AFTER)
        }
        SessionStatus::Refused | SessionStatus::Ended => OrganizationSwitch::SessionEnded,
    }
}

fn is_session_ended(error: &WorkosError) -> bool {
    matches!(error, WorkosError::Refused { code, .. } if code == SESSION_ENDED)
}
