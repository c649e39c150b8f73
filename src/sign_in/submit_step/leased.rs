//! The part of a submission that one request at a time executes: it sends the answer to WorkOS, and stores the
//! result under the row's lease.

use diesel::QueryResult;

use super::submission::{StepOutcome, StepSubmission};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::SignInFailure;
use crate::sign_in::conversions::workos_outcome;
use crate::sign_in::pending::{
    EndedSignIn, PendingSignIn, PendingSignInRow, PendingState, SignInEnd, answer_proof,
};
use crate::sign_in::service::SignInService;
use crate::sign_in::step_answer::StepRejection;
use crate::sign_in::workos_session::AuthenticatedSignIn;
use crate::workos::{Authentication, NextStep, WorkosError};

/// A submission whose lease this request holds.
pub(super) struct LeasedSubmission {
    pub(super) service: SignInService,
    pub(super) submission: StepSubmission,
    pub(super) lease: Timestamp,
}

impl LeasedSubmission {
    /// Sends the answer to WorkOS and stores the result.
    pub(super) async fn run(self) -> StepOutcome {
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
            row,
            pending,
            previous,
            device,
            ..
        } = &self.submission;
        let began_at = pending.began_at.and_then(Timestamp::from_micros);
        let sign_in = AuthenticatedSignIn {
            authentication,
            attempt: pending.attempt.clone(),
            callback_proof: None,
            requirement: pending.requirement.clone(),
            previous: previous.clone(),
            device: device.clone(),
            began_at: began_at.unwrap_or(row.asked_at),
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
            pending,
            answer,
            device,
            ..
        } = &self.submission;
        match error.next_step() {
            Some(NextStep::Answerable(question)) => {
                log::info!("a sign-in needs another step: {error}");
                let next = pending.after(answer, device, question.clone());
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
        let StepSubmission { answer, device, .. } = &self.submission;
        let ended = EndedSignIn {
            next: self.submission.pending.next.clone(),
            end,
            proof: Some(answer_proof(answer, device)),
        };
        let (lease, now) = (self.lease, self.service.services.clock.now());
        match self.seal(&PendingState::Ended(ended)) {
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
        change: impl Fn(&PendingSignInRow, &mut Conn) -> QueryResult<usize> + Clone + Send + 'static,
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
