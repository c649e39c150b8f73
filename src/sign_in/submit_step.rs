//! Submits an answer to a step of a pending sign-in. One request at a time sends an answer to WorkOS,
//! under a lease in the database. Another request with the same form, for example of a double click,
//! waits for the result and returns it too.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryResult;
use tokio::time::Instant;

use super::conversions::workos_outcome;
use super::pending::{EndedSignIn, PendingSignIn, PendingSignInRow, PendingState, SignInEnd};
use super::service::SignInService;
use super::step_answer::StepRejection;
use super::workos_session::AuthenticatedSignIn;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::{InternalError, SignInFailure};
use crate::ids::{OrganizationId, SessionId};
use crate::renewal::is_open;
use crate::sessions::SessionState;
use crate::workos::{Authentication, ClientDevice, HostedStep, NextStep, WorkosError};

/// The duration of the submission lease. While it is held, no other request sends an answer to
/// WorkOS. A challenge and an answer have ten seconds each; the database comes after them.
const LEASE: TimeDelta = TimeDelta::seconds(25);
/// The longest wait for the result of another request: a little more than a lease, so that a request
/// that died while it held the lease is replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often the row is read while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// An answer to the question in a row.
pub struct StepSubmission {
    /// The row, as it was read.
    pub row: PendingSignInRow,
    /// The sign-in in the row.
    pub pending: PendingSignIn,
    /// The answer.
    pub answer: String,
    /// The browser's previous session, which the new one replaces.
    pub previous: Option<SessionId>,
    /// The client's device.
    pub device: ClientDevice,
    /// The client's address.
    pub client: IpAddr,
}

/// The result of a submission.
pub enum StepOutcome {
    /// The user is signed in.
    SignedIn(Box<SessionState>),
    /// WorkOS asked another question, which the row now holds.
    NextQuestion,
    /// The sign-in continues at WorkOS, in this organisation if one was requested.
    ContinueAtWorkos(HostedStep, Option<OrganizationId>),
    /// WorkOS rejected the answer. The question is open.
    Rejected(StepRejection),
    /// WorkOS may not have received the answer. The question is open.
    RetryLater(SignInFailure),
    /// The sign-in failed.
    Failed(SignInFailure),
}

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

    /// Repeats the result of a sign-in that has ended, for a form that is sent again. This reveals
    /// nothing: only the browser that signed in has the cookie with which the row was found. If the
    /// session has ended since, it is not returned.
    pub async fn repeat_outcome(&self, ended: EndedSignIn) -> Result<StepOutcome, DbError> {
        Ok(match ended.end {
            SignInEnd::ContinueAtWorkos(step, organization) => {
                StepOutcome::ContinueAtWorkos(step, organization)
            }
            SignInEnd::SignedIn(state) => {
                let services = &self.services;
                let now = services.clock.now();
                match is_open(&services.database, &state.session_id, now).await? {
                    true => StepOutcome::SignedIn(state),
                    false => StepOutcome::Failed(SignInFailure::AttemptAlreadyUsed),
                }
            }
        })
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
                LeaseAttempt::Completed(self.repeat_outcome(ended).await?)
            }
            Some((row, PendingState::Waiting(_))) if row.content != submission.row.content => {
                LeaseAttempt::Completed(StepOutcome::NextQuestion)
            }
            Some((_, PendingState::Waiting(_))) => LeaseAttempt::Busy,
        })
    }
}

/// A submission whose lease this request holds.
struct LeasedSubmission {
    service: SignInService,
    submission: StepSubmission,
    lease: Timestamp,
}

impl LeasedSubmission {
    async fn run(self) -> StepOutcome {
        let StepSubmission {
            pending,
            answer,
            device,
            client,
            ..
        } = &self.submission;
        let permit = match self.service.reserve_exchange(*client, None) {
            Ok(permit) => permit,
            Err(failure) => return self.fail(failure).await,
        };
        let answered = self
            .service
            .answer_step(&pending.pending, answer, None, device);
        let answered = answered.await;
        permit.settle(workos_outcome(&answered));
        match answered {
            Ok(authentication) => self.sign_in(authentication).await,
            Err(error) => self.handle_error(error).await,
        }
    }

    async fn sign_in(self, authentication: Authentication) -> StepOutcome {
        let StepSubmission {
            pending,
            previous,
            device,
            ..
        } = &self.submission;
        let sign_in = AuthenticatedSignIn {
            authentication,
            attempt: pending.attempt.clone(),
            requirement: pending.requirement.clone(),
            previous: previous.clone(),
            device: device.clone(),
            now: self.service.services.clock.now(),
        };
        match self.service.create_session(sign_in).await {
            Ok(state) => {
                let state = Box::new(state);
                self.store_end(SignInEnd::SignedIn(state.clone())).await;
                StepOutcome::SignedIn(state)
            }
            Err(failure) => self.fail(failure).await,
        }
    }

    /// Continues after an error: with the next question, with a sign-in at WorkOS, with the same
    /// question, or not at all.
    async fn handle_error(self, error: WorkosError) -> StepOutcome {
        let StepSubmission {
            pending, answer, ..
        } = &self.submission;
        match error.next_step() {
            Some(NextStep::Answerable(question)) => {
                log::info!("a sign-in needs another step: {error}");
                let next = pending.after(answer, question.clone());
                self.store_question(next).await
            }
            Some(NextStep::Hosted(step)) => {
                log::info!("a sign-in continues at WorkOS: {error}");
                let organization = pending.organization_after(answer);
                let end = SignInEnd::ContinueAtWorkos(step.clone(), organization.clone());
                self.store_end(end).await;
                StepOutcome::ContinueAtWorkos(step.clone(), organization)
            }
            None => match StepRejection::from_error(&pending.pending.question, &error) {
                Some(rejection) => {
                    log::info!("WorkOS rejected an answer: {error}");
                    self.count_failure(SignInFailure::Workos(error).audit_event());
                    self.release().await;
                    StepOutcome::Rejected(rejection)
                }
                None => self.fail(error.into()).await,
            },
        }
    }

    async fn store_question(self, next: PendingSignIn) -> StepOutcome {
        let content = match self.seal(&PendingState::Waiting(next)) {
            Ok(content) => content,
            Err(failure) => return self.fail(failure).await,
        };
        let (lease, now) = (self.lease, self.service.services.clock.now());
        let stored = self.change(move |row, conn| row.store_question(conn, lease, &content, now));
        match stored.await {
            Ok(_) => StepOutcome::NextQuestion,
            Err(error) => StepOutcome::Failed(error.into()),
        }
    }

    /// Stores the result for the other requests with the same form. If it cannot be stored, WorkOS
    /// refuses their answer after the lease has expired.
    async fn store_end(&self, end: SignInEnd) {
        let next = self.submission.pending.next.clone();
        let (lease, now) = (self.lease, self.service.services.clock.now());
        match self.seal(&PendingState::Ended(EndedSignIn { next, end })) {
            Ok(content) => {
                let stored =
                    self.change(move |row, conn| row.store_end(conn, lease, &content, now));
                warn_if_failed(stored.await);
            }
            Err(failure) => log::warn!("failed to store the result of a sign-in: {failure}"),
        }
    }

    async fn fail(self, failure: SignInFailure) -> StepOutcome {
        if failure.keeps_the_code() {
            self.release().await;
            return StepOutcome::RetryLater(failure);
        }
        self.count_failure(failure.audit_event());
        let lease = self.lease;
        warn_if_failed(self.change(move |row, conn| row.delete(conn, lease)).await);
        StepOutcome::Failed(failure)
    }

    /// Counts a refused answer or a failed sign-in for the audit trail.
    fn count_failure(&self, event: Option<AuditEvent>) {
        let services = &self.service.services;
        let (device, now) = (&self.submission.device, services.clock.now());
        services.failures.count_any(event, device, now);
    }

    async fn release(&self) {
        let lease = self.lease;
        let released = self.change(move |row, conn| row.release_lease(conn, lease));
        warn_if_failed(released.await);
    }

    fn seal(&self, state: &PendingState) -> Result<Vec<u8>, SignInFailure> {
        state.seal(&self.service.services.keys, &self.submission.row.id)
    }

    async fn change(
        &self,
        change: impl Fn(&PendingSignInRow, &mut Conn) -> QueryResult<usize> + Send + 'static,
    ) -> Result<usize, DbError> {
        let row = self.submission.row.clone();
        self.service
            .services
            .database
            .write(move |conn| change(&row, conn).map_err(DbError::from))
            .await
    }
}

/// A row that was not changed does no harm until it expires, because WorkOS accepts no answer twice.
fn warn_if_failed(changed: Result<usize, DbError>) {
    if let Err(error) = changed {
        log::warn!("failed to update a pending sign-in; it remains until it expires: {error}");
    }
}
