//! An answer in its turn: one request at a time passes an answer on to WorkOS, and whoever sent the
//! same form meanwhile waits for the outcome and takes it as well. A browser that is clicked twice
//! drops the first answer and shows the second.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryResult;
use tokio::time::Instant;

use super::unfinished::{End, Ended, Kept, Unfinished, UnfinishedRow};
use super::{SignIn, Slip, answer, complete};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::{InternalError, SignInFailure};
use crate::renewal::is_open;
use crate::sessions::SessionState;
use crate::state::AppState;
use crate::workos::{
    Authentication, ClientDevice, HostedStep, NextStep, StepQuestion, WorkosError,
};

/// How long one request may keep the others from asking WorkOS: a challenge and an answer have ten
/// seconds each, and the database comes after them.
const LEASE: TimeDelta = TimeDelta::seconds(25);
/// Nobody waits longer for another's outcome: a little more than a lease, since a holder that died is
/// replaced.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the row is read meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An answer to a question that this row asks.
pub struct Turn {
    /// The row, as it was read.
    pub row: UnfinishedRow,
    /// What it says.
    pub unfinished: Unfinished,
    /// The answer.
    pub given: String,
    /// The session that this browser had until now, which ends.
    pub previous: Option<String>,
    /// What the person signs in with.
    pub device: ClientDevice,
}

/// What an answer led to.
pub enum Outcome {
    /// A session.
    SignedIn(Box<SessionState>),
    /// The next question.
    Asks,
    /// A fresh sign-in at WorkOS, into this organisation where one was asked for.
    Elsewhere(HostedStep, Option<String>),
    /// The same question: this was wrong with the answer.
    Slip(Slip),
    /// WorkOS may not have seen the answer; the question still stands.
    NotNow(SignInFailure),
    /// Nothing follows.
    Failed(SignInFailure),
}

/// Passes an answer on once nobody else does, or takes what the other's came to. A client that goes
/// away stops nothing: WorkOS takes no answer twice.
pub async fn settle(app: &Arc<AppState>, turn: Turn) -> Outcome {
    let began = Instant::now();
    loop {
        match look(app, &turn).await {
            Ok(Look::Ours(lease)) => {
                let held = Held {
                    app: Arc::clone(app),
                    turn,
                    lease,
                };
                let outcome = tokio::spawn(held.ask()).await;
                return outcome.unwrap_or_else(|_| internal("an answer ended early"));
            }
            Ok(Look::Over(outcome)) => return outcome,
            Ok(Look::TheirsStill) if began.elapsed() < PATIENCE => {}
            Ok(Look::TheirsStill) => {
                let late = WorkosError::unavailable("the same form's first answer goes on");
                return Outcome::NotNow(late.into());
            }
            Err(error) => return Outcome::NotNow(error.into()),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the row says.
enum Look {
    /// The lease is ours.
    Ours(Timestamp),
    /// Somebody else has it.
    TheirsStill,
    /// Somebody else had it, and this came of it.
    Over(Outcome),
}

async fn look(app: &AppState, turn: &Turn) -> Result<Look, DbError> {
    let now = app.clock.now();
    let (row, lease) = (turn.row.clone(), now.plus(LEASE));
    let taken = app
        .database
        .write(move |conn| row.take_lease(conn, now, lease).map_err(DbError::from));
    if taken.await? {
        return Ok(Look::Ours(lease));
    }
    match Kept::newest(app, vec![turn.row.id.clone()]).await? {
        None => Ok(Look::Over(Outcome::Failed(
            SignInFailure::AttemptAlreadyUsed,
        ))),
        Some((_, Kept::Ended(ended))) => ended.told_again(app).await.map(Look::Over),
        Some((row, Kept::Waits(_))) if row.content != turn.row.content => {
            Ok(Look::Over(Outcome::Asks))
        }
        Some((_, Kept::Waits(_))) => Ok(Look::TheirsStill),
    }
}

impl Ended {
    /// The same outcome for whoever sent the form once more: the cookie that found the row is a
    /// secret of the browser's that signed in. A session that has ended since is not given again.
    pub async fn told_again(self, app: &AppState) -> Result<Outcome, DbError> {
        Ok(match self.end {
            End::Elsewhere(elsewhere, organization) => Outcome::Elsewhere(elsewhere, organization),
            End::SignedIn(state)
                if is_open(&app.database, &state.session_id, app.clock.now()).await? =>
            {
                Outcome::SignedIn(state)
            }
            End::SignedIn(_) => Outcome::Failed(SignInFailure::AttemptAlreadyUsed),
        })
    }
}

/// A turn whose lease this request holds.
struct Held {
    app: Arc<AppState>,
    turn: Turn,
    lease: Timestamp,
}

impl Held {
    async fn ask(self) -> Outcome {
        let Turn {
            unfinished,
            given,
            device,
            ..
        } = &self.turn;
        match answer(&self.app, &unfinished.pending, given, None, device).await {
            Ok(authentication) => self.sign_in(authentication).await,
            Err(error) => self.go_on(error).await,
        }
    }

    async fn sign_in(self, authentication: Authentication) -> Outcome {
        let Turn {
            unfinished,
            previous,
            device,
            ..
        } = &self.turn;
        let sign_in = SignIn {
            authentication,
            attempt: unfinished.attempt.clone(),
            previous: previous.clone(),
            device: device.clone(),
            now: self.app.clock.now(),
        };
        match complete(&self.app, sign_in).await {
            Ok(state) => {
                let state = Box::new(state);
                self.end(End::SignedIn(state.clone())).await;
                Outcome::SignedIn(state)
            }
            Err(failure) => self.fail(failure).await,
        }
    }

    /// What follows an answer that did not end the sign-in.
    async fn go_on(self, error: WorkosError) -> Outcome {
        let Unfinished {
            pending,
            organization_id,
            ..
        } = &self.turn.unfinished;
        match error.next_step() {
            Some(NextStep::Answerable(next)) => {
                log::info!("a sign-in waits for one more answer: {error}");
                let next = self
                    .turn
                    .unfinished
                    .followed_by(next.clone(), &self.turn.given);
                self.ask_next(next).await
            }
            Some(NextStep::Hosted(elsewhere)) => {
                log::info!("a sign-in goes on at WorkOS: {error}");
                let organization = match pending.question {
                    StepQuestion::Organization(_) => Some(self.turn.given.clone()),
                    StepQuestion::Email(_) | StepQuestion::Totp { .. } => organization_id.clone(),
                };
                self.end(End::Elsewhere(elsewhere.clone(), organization.clone()))
                    .await;
                Outcome::Elsewhere(elsewhere.clone(), organization)
            }
            None => match Slip::of(&pending.question, &error) {
                Some(slip) => {
                    log::info!("an answer was refused: {error}");
                    self.release().await;
                    Outcome::Slip(slip)
                }
                None => self.fail(error.into()).await,
            },
        }
    }

    async fn ask_next(self, next: Unfinished) -> Outcome {
        let content = match Kept::Waits(next).seal(&self.app, &self.turn.row.id) {
            Ok(content) => content,
            Err(failure) => return self.fail(failure).await,
        };
        let (lease, now) = (self.lease, self.app.clock.now());
        let asked = self.change(move |row, conn| row.ask_next(conn, lease, &content, now));
        match asked.await {
            Ok(_) => Outcome::Asks,
            Err(error) => Outcome::Failed(error.into()),
        }
    }

    /// Where the end cannot be written, whoever waits is told after the lease that WorkOS takes no
    /// answer twice.
    async fn end(&self, end: End) {
        let next = self.turn.unfinished.next.clone();
        let ended = Kept::Ended(Ended { next, end });
        let (lease, now) = (self.lease, self.app.clock.now());
        match ended.seal(&self.app, &self.turn.row.id) {
            Ok(content) => {
                let change = self.change(move |row, conn| row.end(conn, lease, &content, now));
                noted(change.await);
            }
            Err(failure) => log::warn!("the end of a sign-in cannot be noted: {failure}"),
        }
    }

    async fn fail(self, failure: SignInFailure) -> Outcome {
        if failure.keeps_the_code() {
            self.release().await;
            return Outcome::NotNow(failure);
        }
        let lease = self.lease;
        let forgotten = self.change(move |row, conn| row.forget(conn, lease)).await;
        noted(forgotten);
        Outcome::Failed(failure)
    }

    async fn release(&self) {
        let lease = self.lease;
        let released = self.change(move |row, conn| row.release_lease(conn, lease));
        noted(released.await);
    }

    async fn change(
        &self,
        change: impl Fn(&UnfinishedRow, &mut Conn) -> QueryResult<usize> + Send + 'static,
    ) -> Result<usize, DbError> {
        let row = self.turn.row.clone();
        self.app
            .database
            .write(move |conn| change(&row, conn).map_err(DbError::from))
            .await
    }
}

/// WorkOS takes no answer twice, so a row that stays does no harm until it is purged.
fn noted(changed: Result<usize, DbError>) {
    if let Err(error) = changed {
        log::warn!("an unfinished sign-in stays until it expires: {error}");
    }
}

fn internal(why: &str) -> Outcome {
    Outcome::Failed(InternalError::new("answer a step of a sign-in", why).into())
}
