//! Asks WorkOS whether a user still exists, for tokens that no renewal of a session confirms. WorkOS is asked
//! at most once a minute for a user. While it gives no answer about a user, the user counts as existing for
//! `SESSION_STALE_GRACE`, as a session does. Each user has a grace period of their own: the requests of others
//! neither begin nor end it.

mod known_users;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::Mutex;

use self::known_users::{BACK_OFF, KnownUsers, UserStatus};
use super::status::RenewalError;
use crate::clock::Clock;
use crate::single_flight::{FlightLeader, SingleFlight};
use crate::workos::WorkosClient;

/// Whether users exist at WorkOS; clones share the cache.
#[derive(Clone)]
pub(super) struct WorkosUsers {
    workos: WorkosClient,
    clock: Clock,
    stale_grace: Duration,
    users: Arc<Mutex<KnownUsers>>,
    requests: SingleFlight<String, Option<UserStatus>>,
}

impl WorkosUsers {
    /// Creates an empty cache.
    pub(super) fn new(workos: WorkosClient, clock: Clock, stale_grace: TimeDelta) -> Self {
        let stale_grace = stale_grace.to_std().unwrap_or_default();
        Self {
            workos,
            clock,
            stale_grace,
            users: Arc::new(Mutex::new(KnownUsers::new(stale_grace))),
            requests: SingleFlight::default(),
        }
    }

    /// Whether WorkOS says that it has no such user. Concurrent callers share one request, which continues if
    /// a caller disconnects. Fails if WorkOS has not answered about this user for the grace period.
    pub(super) async fn is_deleted(&self, user_id: &str) -> Result<bool, RenewalError> {
        let (mut result, request, last, unanswered) = {
            let users = self.users.lock();
            let now = self.clock.elapsed();
            if let Some(status) = users.fresh(user_id, now) {
                return self.decide(status);
            }
            // Joined while the users are locked: a request stores its answer before it ends.
            let (result, request) = self.requests.join(user_id.to_owned());
            let unanswered = users.after_failure(user_id, now);
            (result, request, users.last(user_id), unanswered)
        };
        if let Some(request) = request {
            self.spawn(request);
        }
        let assumed = self.decide(unanswered);
        // WorkOS answers neither the renewals of sessions nor, before, the question about this user. Nobody waits
        // for it in the grace period; an answer counts for the next caller.
        let is_hopeless =
            matches!(last, Some(UserStatus::Unknown { .. })) && self.workos.is_failing();
        if is_hopeless && assumed.is_ok() {
            return assumed;
        }
        let result = result.wait_for(Option::is_some).await;
        // An error means that the task was dropped, for example because the server is stopping.
        let status = result.ok().and_then(|status| *status);
        status.map_or(assumed, |status| self.decide(status))
    }

    fn decide(&self, status: UserStatus) -> Result<bool, RenewalError> {
        match status {
            UserStatus::Exists => Ok(false),
            UserStatus::Deleted => Ok(true),
            UserStatus::Unknown { since } => {
                let unanswered_for = self.clock.elapsed().saturating_sub(since);
                match unanswered_for < self.stale_grace {
                    true => Ok(false),
                    false => Err(RenewalError::WorkosUnavailable(BACK_OFF)),
                }
            }
        }
    }

    /// Asks WorkOS and stores its answer, in a task of its own.
    fn spawn(&self, request: FlightLeader<String, Option<UserStatus>>) {
        let service = self.clone();
        tokio::spawn(async move {
            let user_id = request.key();
            let answer = match service.workos.user(user_id).await {
                Ok(_) => Some(UserStatus::Exists),
                Err(error) if error.is_not_found() => Some(UserStatus::Deleted),
                Err(error) => {
                    log::warn!("failed to ask WorkOS whether {user_id} still exists: {error}");
                    None
                }
            };
            let now = service.clock.elapsed();
            let status = service.users.lock().store(user_id, answer, now);
            request.complete(Some(status));
        });
    }
}
