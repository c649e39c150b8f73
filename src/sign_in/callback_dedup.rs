//! Deduplicates concurrent callbacks of one client with the same attempt and code. WorkOS exchanges a code only once,
//! so a second request, for example of a reload, reuses the result of the first one. `repeated_callback.rs`
//! answers requests that come after the first one has ended.

use std::future::Future;

use crate::clock::Clock;
use crate::db::Database;
use crate::error::{InternalError, SignInFailure};
use crate::renewal::is_open;
use crate::sessions::SessionState;
use crate::single_flight::SingleFlight;
use crate::workos::WorkosError;

/// The fingerprint of a login attempt, and the proof of its callback, which stands for the code and the client.
pub(super) type CallbackKey = (String, String);

/// The callbacks that this process is handling. Clones share them.
#[derive(Clone)]
pub(super) struct CallbackDedup {
    database: Database,
    clock: Clock,
    running: SingleFlight<CallbackKey, Option<CallbackResult>>,
}

/// The result of a callback that the concurrent requests reuse.
#[derive(Clone)]
enum CallbackResult {
    SignedIn(Box<SessionState>),
    /// WorkOS requires another step.
    StepRequired(WorkosError),
}

impl CallbackDedup {
    pub(super) fn new(database: Database, clock: Clock) -> Self {
        Self {
            database,
            clock,
            running: SingleFlight::default(),
        }
    }

    /// Runs `sign_in`, or returns the result of the same callback that is running already. If that one
    /// fails, `sign_in` runs after it.
    ///
    /// `sign_in` continues if the client disconnects, because its code is consumed.
    pub(super) async fn run(
        &self,
        callback: CallbackKey,
        sign_in: impl Future<Output = Result<SessionState, SignInFailure>> + Send + 'static,
    ) -> Result<SessionState, SignInFailure> {
        let flight = loop {
            let (mut result, flight) = self.running.join(callback.clone());
            if let Some(flight) = flight {
                break flight;
            }
            log::debug!(
                "a callback of the sign-in attempt {} waits for another",
                callback.0
            );
            let result = result.wait_for(Option::is_some).await;
            let result = result.ok().and_then(|result| result.clone());
            if let Some(result) = result {
                return self.repeat(result).await;
            }
        };
        let signing_in = tokio::spawn(async move {
            let outcome = sign_in.await;
            if let Some(result) = CallbackResult::of(&outcome) {
                flight.complete(Some(result));
            }
            outcome
        });
        signing_in.await.unwrap_or_else(|_| {
            Err(InternalError::new("complete a sign-in", "the task ended early").into())
        })
    }

    async fn repeat(&self, result: CallbackResult) -> Result<SessionState, SignInFailure> {
        match result {
            CallbackResult::SignedIn(state) => {
                let now = self.clock.now();
                match is_open(&self.database, &state.session_id, now).await? {
                    true => Ok(*state),
                    false => Err(SignInFailure::AttemptAlreadyUsed),
                }
            }
            CallbackResult::StepRequired(error) => Err(error.into()),
        }
    }
}

impl CallbackResult {
    /// `None` if the code may be tried again, or if WorkOS's response to it should be shown.
    fn of(outcome: &Result<SessionState, SignInFailure>) -> Option<Self> {
        match outcome {
            Ok(state) => Some(Self::SignedIn(Box::new(state.clone()))),
            Err(SignInFailure::Workos(error)) if error.next_step().is_some() => {
                Some(Self::StepRequired(error.clone()))
            }
            Err(_) => None,
        }
    }
}
