//! A gate holds responses of the emulator until a test opens it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long [`Gate::reached`] waits: far longer than a request takes on a busy machine.
const REACH_TIMEOUT: Duration = Duration::from_secs(60);

/// Holds responses until it is opened. Clones are the same gate.
///
/// A test holds a response for exactly as long as it needs to, where a fixed delay would be too
/// short on a slow machine and a waste of time on a fast one:
///
/// ```no_run
/// # async fn example(control: authkit_emulator::Control) -> Result<(), authkit_emulator::GateNotReached> {
/// let gate = control.inject_gate("/user_management/authenticate");
/// // Start a request that makes the application call the endpoint, then:
/// gate.reached().await?;
/// // The emulator has processed the call, and the application is waiting for the response.
/// gate.open();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    /// How many responses have reached the gate, whether it was open or closed.
    arrived: usize,
    open: bool,
}

/// No response reached a gate within a minute.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("only {arrived} of {expected} responses reached the gate within {} s", REACH_TIMEOUT.as_secs())]
pub struct GateNotReached {
    arrived: usize,
    expected: usize,
}

impl Gate {
    /// A closed gate, for [`Effect::Hold`](crate::Effect::Hold).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until the emulator has processed a request and its response is at the gate.
    ///
    /// # Errors
    /// When no response reaches the gate within a minute.
    pub async fn reached(&self) -> Result<(), GateNotReached> {
        self.reached_by(1).await
    }

    /// Waits until `expected` responses in all have reached the gate.
    ///
    /// # Errors
    /// When fewer responses reach the gate within a minute.
    pub async fn reached_by(&self, expected: usize) -> Result<(), GateNotReached> {
        let mut state = self.0.subscribe();
        let arrival = state.wait_for(|state| state.arrived >= expected);
        // The sender outlives this wait, because `self` owns it: only the time can run out.
        match tokio::time::timeout(REACH_TIMEOUT, arrival).await {
            Ok(_) => Ok(()),
            Err(_) => Err(GateNotReached {
                arrived: self.arrived(),
                expected,
            }),
        }
    }

    /// How many responses have reached the gate so far.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.0.borrow().arrived
    }

    /// Lets the held responses pass, and all later ones.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Counts an arrival and waits until the gate is open.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|state| state.arrived += 1);
        let mut state = self.0.subscribe();
        // An error would mean that the sender has been dropped, but `self` owns it.
        let _open = state.wait_for(|state| state.open).await;
    }
}
