//! Asks WorkOS whether a user still exists, for tokens that no renewal of a session confirms. WorkOS is asked
//! at most once a minute for a user. While it cannot be reached, users count as existing for
//! `SESSION_STALE_GRACE`, as for sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::Mutex;

use super::status::RenewalError;
use crate::clock::Clock;
use crate::single_flight::SingleFlight;
use crate::workos::WorkosClient;

/// How long an answer of WorkOS is cached.
const LIFETIME: Duration = Duration::from_secs(60);
/// After how long WorkOS is asked again if it could not be reached.
const BACK_OFF: Duration = Duration::from_secs(10);
/// The largest number of cached answers: about 1 MB.
const CAPACITY: usize = 10_000;

/// Whether users exist at WorkOS; clones share the cache.
#[derive(Clone)]
pub(super) struct WorkosUsers {
    workos: WorkosClient,
    clock: Clock,
    stale_grace: Duration,
    cache: Arc<Mutex<UserCache>>,
    requests: SingleFlight<String, Option<UserStatus>>,
}

/// What WorkOS says about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UserStatus {
    Exists,
    Deleted,
    /// WorkOS could not be asked.
    Unknown,
}

#[derive(Default)]
struct UserCache {
    /// WorkOS's answers, and until when they count.
    answers: HashMap<String, (UserStatus, Duration)>,
    /// Since when every request to WorkOS has failed.
    failing_since: Option<Duration>,
}

impl WorkosUsers {
    /// Creates an empty cache.
    pub(super) fn new(workos: WorkosClient, clock: Clock, stale_grace: TimeDelta) -> Self {
        Self {
            workos,
            clock,
            stale_grace: stale_grace.to_std().unwrap_or_default(),
            cache: Arc::default(),
            requests: SingleFlight::default(),
        }
    }

    /// Whether WorkOS says that it has no such user. Concurrent callers share one request, which continues if
    /// a caller disconnects. Fails if WorkOS has not been reached for the grace period.
    pub(super) async fn is_deleted(&self, user_id: &str) -> Result<bool, RenewalError> {
        match self.status(user_id).await {
            UserStatus::Exists => Ok(false),
            UserStatus::Deleted => Ok(true),
            UserStatus::Unknown if self.is_in_grace_period() => Ok(false),
            UserStatus::Unknown => Err(RenewalError::WorkosUnavailable(BACK_OFF)),
        }
    }

    fn is_in_grace_period(&self) -> bool {
        let failing_since = self.cache.lock().failing_since;
        let now = self.clock.elapsed();
        failing_since.is_none_or(|since| now.saturating_sub(since) < self.stale_grace)
    }

    async fn status(&self, user_id: &str) -> UserStatus {
        let (mut result, request) = {
            let cache = self.cache.lock();
            let now = self.clock.elapsed();
            if let Some((status, _)) = cache.answers.get(user_id).filter(|(_, end)| now < *end) {
                return *status;
            }
            // Joined while the cache is locked: a request stores its answer before it ends.
            self.requests.join(user_id.to_owned())
        };
        if let Some(request) = request {
            let users = self.clone();
            tokio::spawn(async move {
                let status = users.request(request.key()).await;
                request.complete(Some(status));
            });
        }
        let result = result.wait_for(Option::is_some).await;
        // An error means that the task was dropped, for example because the server is stopping.
        let status = result.ok().and_then(|status| *status);
        status.unwrap_or(UserStatus::Unknown)
    }

    /// Asks WorkOS and stores its answer.
    async fn request(&self, user_id: &str) -> UserStatus {
        let (status, lifetime) = match self.workos.user(user_id).await {
            Ok(_) => (UserStatus::Exists, LIFETIME),
            Err(error) if error.is_not_found() => (UserStatus::Deleted, LIFETIME),
            Err(error) => {
                log::warn!("failed to ask WorkOS whether {user_id} still exists: {error}");
                (UserStatus::Unknown, BACK_OFF)
            }
        };
        let now = self.clock.elapsed();
        let mut cache = self.cache.lock();
        cache.failing_since = match status {
            UserStatus::Unknown => cache.failing_since.or(Some(now)),
            UserStatus::Exists | UserStatus::Deleted => None,
        };
        if cache.answers.len() >= CAPACITY {
            cache.answers.retain(|_, (_, end)| now < *end);
        }
        if cache.answers.len() < CAPACITY {
            let answer = (status, now + lifetime);
            cache.answers.insert(user_id.to_owned(), answer);
        }
        status
    }
}
