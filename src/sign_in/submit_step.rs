//! Submits an answer to a step of a pending sign-in. One request at a time sends an answer to WorkOS,
//! under a lease in the database. Another request with the same form, for example of a double click,
//! waits for the result and returns it too.

mod leased;
mod submission;

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use self::leased::LeasedSubmission;
use super::pending::{EndedSignIn, PendingState, SignInEnd, answer_proof};
use super::service::SignInService;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::error::{InternalError, SignInFailure};
use crate::renewal::is_open;
use crate::workos::{ClientDevice, WorkosError};

pub use submission::{StepOutcome, StepSubmission};

/// The duration of the submission lease. While it is held, no other request sends an answer to
/// WorkOS. A challenge and an answer have ten seconds each; the database comes after them.
const LEASE: TimeDelta = TimeDelta::seconds(25);
/// The longest wait for the result of another request: a little more than a lease, so that a request
/// that died while it held the lease is replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often the row is read while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The result of trying to take the lease.
enum LeaseAttempt {
    /// This request holds the lease.
    Taken(Timestamp),
    /// Another request holds the lease.
    Busy,
    /// Another request has completed the step with this result.
    Completed(StepOutcome),
}

impl SignInService {
    /// Sends the answer to WorkOS once no other request does, or returns the result of the other
    /// request.
    ///
    /// The submission continues if the client disconnects, because WorkOS accepts no answer twice.
    pub async fn submit_step(&self, submission: StepSubmission) -> StepOutcome {
        let began = Instant::now();
        loop {
            match self.take_lease(&submission).await {
                Ok(LeaseAttempt::Taken(lease)) => {
                    let leased = LeasedSubmission {
                        service: self.clone(),
                        submission,
                        lease,
                    };
                    let outcome = tokio::spawn(leased.run()).await;
                    return outcome.unwrap_or_else(|_| {
                        let action = "answer a step of a sign-in";
                        let error = InternalError::new(action, "the task ended early");
                        StepOutcome::Failed(error.into())
                    });
                }
                Ok(LeaseAttempt::Completed(outcome)) => return outcome,
                Ok(LeaseAttempt::Busy) if began.elapsed() < LONGEST_WAIT => {
                    let id = &submission.row.id;
                    log::debug!("a form of the pending sign-in {id} waits for another");
                }
                Ok(LeaseAttempt::Busy) => {
                    let error =
                        WorkosError::unavailable("another request with the same form is running");
                    return StepOutcome::RetryLater(error.into());
                }
                Err(error) => return StepOutcome::RetryLater(error.into()),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Repeats the result of a sign-in that has ended, for a form that is sent again: with the same answer, by the
    /// same client. The cookie with which the row was found is not enough, because whoever began the sign-in has it
    /// too. If the session has ended since, it is not returned.
    pub async fn repeat_outcome(
        &self,
        ended: EndedSignIn,
        answer: &str,
        device: &ClientDevice,
    ) -> Result<StepOutcome, DbError> {
        let services = &self.services;
        let now = services.clock.now();
        let used = SignInFailure::AttemptAlreadyUsed;
        if ended.proof != Some(answer_proof(answer, device)) {
            services.failures.count_any(used.audit_event(), device, now);
            return Ok(StepOutcome::Failed(used));
        }
        let state = match ended.end {
            SignInEnd::ContinueAtWorkos(step, organization) => {
                return Ok(StepOutcome::ContinueAtWorkos(step, organization));
            }
            SignInEnd::SignedIn(state) => state,
        };
        if !is_open(&services.database, &state.session_id, now).await? {
            return Ok(StepOutcome::Failed(used));
        }
        let repeated = AuditEvent::SignInRepeated {
            user_id: state.user_id,
            session_id: state.session_id.clone(),
        };
        services.failures.count(repeated, device, now);
        Ok(StepOutcome::SignedIn(state))
    }

    async fn take_lease(&self, submission: &StepSubmission) -> Result<LeaseAttempt, DbError> {
        let now = self.services.clock.now();
        let (row, lease) = (submission.row.clone(), now.plus(LEASE));
        let taken = self
            .services
            .database
            .write(move |conn| row.take_lease(conn, now, lease).map_err(DbError::from));
        if taken.await? {
            return Ok(LeaseAttempt::Taken(lease));
        }
        let current = self.newest_pending(vec![submission.row.id.clone()]).await?;
        Ok(match current {
            None => {
                let failure = SignInFailure::AttemptAlreadyUsed;
                LeaseAttempt::Completed(StepOutcome::Failed(failure))
            }
            Some((_, PendingState::Ended(ended))) => {
                let StepSubmission { answer, device, .. } = submission;
                LeaseAttempt::Completed(self.repeat_outcome(ended, answer, device).await?)
            }
            Some((row, PendingState::Waiting(_))) if row.content != submission.row.content => {
                LeaseAttempt::Completed(StepOutcome::NextQuestion)
            }
            Some((_, PendingState::Waiting(_))) => LeaseAttempt::Busy,
        })
    }
}
