//! One look at a session at a time in this process: two hundred requests at once read the row once
//! and wait for one outcome.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Outcome;
use super::unwritten::Unwritten;
use crate::state::AppState;

/// The sessions that are being looked at, and those whose row is behind.
#[derive(Debug, Default)]
pub struct Renewals {
    flying: Mutex<HashMap<String, watch::Receiver<Progress>>>,
    pub(super) unwritten: Unwritten,
}

/// How far the look has come.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// The row is being read.
    Looking,
    /// WorkOS is being asked; `holds`: and meanwhile the session is good.
    Asking { holds: bool },
    /// This has come out.
    Landed(Outcome),
}

/// A look that this request has begun; when it is dropped, the next request begins another.
pub(super) struct Flight {
    app: Arc<AppState>,
    id: String,
    progress: watch::Sender<Progress>,
}

impl Renewals {
    fn flying(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Progress>>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the look at this session, or begins it: then there is a [`Flight`] to be flown.
pub(super) fn join(app: &Arc<AppState>, id: &str) -> (watch::Receiver<Progress>, Option<Flight>) {
    match app.renewals.flying().entry(id.to_owned()) {
        Entry::Occupied(flying) => (flying.get().clone(), None),
        Entry::Vacant(free) => {
            let (progress, seen) = watch::channel(Progress::Looking);
            free.insert(seen.clone());
            let flight = Flight {
                app: Arc::clone(app),
                id: id.to_owned(),
                progress,
            };
            (seen, Some(flight))
        }
    }
}

impl Flight {
    pub(super) fn app(&self) -> &Arc<AppState> {
        &self.app
    }

    pub(super) fn asks(&self, holds: bool) {
        self.progress.send_replace(Progress::Asking { holds });
    }

    pub(super) fn lands(self, outcome: Outcome) {
        self.progress.send_replace(Progress::Landed(outcome));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.app.renewals.flying().remove(&self.id);
    }
}
