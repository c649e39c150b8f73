//! A callback that is loaded twice at once is answered twice. Whoever reloads it while WorkOS is still
//! being asked drops the first answer and shows the second; WorkOS takes its code once. A code that comes
//! again later is refused as ever.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as Turn;

use crate::error::{InternalError, SignInFailure};
use crate::renewal::is_open;
use crate::sessions::SessionState;
use crate::state::AppState;
use crate::workos::WorkosError;

/// An attempt's fingerprint, and the code that it came back with.
type Return = (String, String);

/// The callbacks that this process is answering.
#[derive(Default)]
pub struct Callbacks(Mutex<HashMap<Return, Arc<Turn<Option<Came>>>>>);

/// What came of a callback.
enum Came {
    SignedIn(Box<SessionState>),
    /// WorkOS wants one more step.
    Stopped(WorkosError),
}

impl Callbacks {
    fn all(&self) -> MutexGuard<'_, HashMap<Return, Arc<Turn<Option<Came>>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signs in by `sign_in`, or tells what the same callback has come to meanwhile. A client that goes away
/// stops nothing: its code would be used up for nothing.
pub async fn once(
    app: &Arc<AppState>,
    callback: Return,
    sign_in: impl Future<Output = Result<SessionState, SignInFailure>> + Send + 'static,
) -> Result<SessionState, SignInFailure> {
    let turn = Arc::clone(app.callbacks.all().entry(callback.clone()).or_default());
    let mut turn = turn.lock_owned().await;
    match &*turn {
        Some(Came::SignedIn(state))
            if is_open(&app.database, &state.session_id, app.clock.now()).await? =>
        {
            return Ok((**state).clone());
        }
        Some(Came::SignedIn(_)) => return Err(SignInFailure::AttemptAlreadyUsed),
        Some(Came::Stopped(error)) => return Err(error.clone().into()),
        None => {}
    }
    let app = Arc::clone(app);
    let signing_in = tokio::spawn(async move {
        let outcome = sign_in.await;
        *turn = Came::of(&outcome);
        app.callbacks.all().remove(&callback);
        outcome
    });
    let ended = signing_in.await;
    ended.unwrap_or_else(|_| {
        Err(InternalError::new("complete a sign-in", "the task ended early").into())
    })
}

impl Came {
    /// `None` where the code may be tried again, or nothing more is to be said than WorkOS says.
    fn of(outcome: &Result<SessionState, SignInFailure>) -> Option<Self> {
        match outcome {
            Ok(state) => Some(Self::SignedIn(Box::new(state.clone()))),
            Err(SignInFailure::Workos(error)) if error.next_step().is_some() => {
                Some(Self::Stopped(error.clone()))
            }
            Err(_) => None,
        }
    }
}
