//! A cache of the organisations that users belong to. WorkOS is asked at most once a minute for a
//! user, and not at all for a while after it could not be reached, so that no page waits for it. The failure of one user's
//! request delays the next one of this user only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::ids::OrganizationId;
use crate::single_flight::SingleFlight;
use crate::workos::{OrganizationList, WorkosClient, WorkosError};

/// How long a list is cached. An event about a change of a membership removes the list from
/// this replica's cache at once.
const LIFETIME: Duration = Duration::from_secs(60);
/// The largest number of cached lists: about 10 MB if each has a hundred organisations.
const CAPACITY: usize = 1_000;
/// How long the name of an organisation is cached. It is for people to read.
const NAME_LIFETIME: Duration = Duration::from_secs(3_600);
/// The largest number of cached names: about 1 MB.
const MOST_NAMES: usize = 10_000;
/// The back-off after a request that failed, unless WorkOS sent a `Retry-After`.
const BACK_OFF: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is respected. A longer one is taken for a mistake.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3_600);

/// The cache; clones share it.
#[derive(Clone)]
pub struct Memberships {
    workos: WorkosClient,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
    requests: SingleFlight<(Key, u64), Option<Lookup>>,
}

/// A user at WorkOS, and the organisation of the session.
type Key = (String, Option<OrganizationId>);
/// The result of a request to WorkOS; `None` if WorkOS could not be reached.
type Lookup = Option<Arc<OrganizationList>>;

#[derive(Default)]
struct Cache {
    /// The names of organisations, and when WorkOS told each.
    names: HashMap<OrganizationId, (String, Duration)>,
    lists: HashMap<Key, CachedList>,
    /// WorkOS is not asked for anybody before this time.
    backing_off_until: Duration,
    /// WorkOS is not asked about these users before these times: their requests failed.
    failing_users: HashMap<String, Duration>,
    /// The user whose request failed, if WorkOS has answered none since.
    failed: Option<String>,
    /// Incremented by [`Memberships::forget`]: the result of a request that began in an earlier
    /// generation may be outdated and is not cached.
    generation: u64,
}

struct CachedList {
    organizations: Arc<OrganizationList>,
    requested_at: Duration,
}

impl Memberships {
    /// Creates an empty cache.
    pub fn new(workos: WorkosClient, clock: Clock) -> Self {
        Self {
            workos,
            clock,
            cache: Arc::default(),
            requests: SingleFlight::default(),
        }
    }

    /// The organisations of this user, or `None` if WorkOS cannot be asked now. `current` is the
    /// organisation of the session.
    ///
    /// Concurrent callers share one request to WorkOS, which continues if a caller disconnects.
    pub async fn of(
        &self,
        user_id: &str,
        current: Option<&OrganizationId>,
    ) -> Option<Arc<OrganizationList>> {
        let key = (user_id.to_owned(), current.cloned());
        let (mut result, request) = {
            let cache = self.cache.lock();
            let now = self.clock.elapsed();
            if let Some(list) = cache.lists.get(&key).filter(|list| list.is_fresh(now)) {
                return Some(Arc::clone(&list.organizations));
            }
            if cache.is_backing_off(user_id, now) {
                return None;
            }
            // Joined while the cache is locked: a request stores its result before it ends.
            self.requests.join((key.clone(), cache.generation))
        };
        if let Some(request) = request {
            let memberships = self.clone();
            tokio::spawn(async move {
                let result = memberships.request(key, request.key().1).await;
                request.complete(Some(result));
            });
        }
        let result = result.wait_for(Option::is_some).await;
        // An error means that the task was dropped, for example because the server is stopping.
        result.ok()?.clone()?
    }

    /// The name of an organisation of this user, or `None` if WorkOS cannot be asked now. WorkOS is asked at most
    /// once an hour for the name.
    pub async fn name_of(&self, user_id: &str, organization: &OrganizationId) -> Option<String> {
        let now = self.clock.elapsed();
        let known = self.cache.lock().names.get(organization).cloned();
        if let Some((name, _)) = known.filter(|(_, at)| now.saturating_sub(*at) < NAME_LIFETIME) {
            return Some(name);
        }
        let listed = self.of(user_id, Some(organization)).await?;
        let found = listed.list.iter().find(|one| one.id == *organization)?;
        let name = Some(found.name.clone()).filter(|name| !name.is_empty())?;
        let mut cache = self.cache.lock();
        if cache.names.len() >= MOST_NAMES {
            cache.names.clear();
        }
        cache
            .names
            .insert(organization.clone(), (name.clone(), now));
        Some(name)
    }

    /// Removes a user's lists from the cache.
    pub fn forget(&self, user_id: &str) {
        let mut cache = self.cache.lock();
        cache.generation += 1;
        cache.lists.retain(|(id, _), _| id != user_id);
    }

    /// Asks WorkOS and stores its response.
    async fn request(&self, key: Key, generation: u64) -> Lookup {
        let requested_at = self.clock.elapsed();
        let (user_id, current) = &key;
        let response = self.workos.organizations_of(user_id, current.as_ref());
        let organizations = match response.await {
            Ok(organizations) => Arc::new(organizations),
            Err(error) => self.back_off(user_id, &error)?,
        };
        let mut cache = self.cache.lock();
        cache.failed = None;
        if cache.generation == generation {
            cache.make_room(requested_at);
            let list = CachedList {
                organizations: Arc::clone(&organizations),
                requested_at,
            };
            cache.lists.insert(key, list);
        }
        Some(organizations)
    }

    /// Delays the next request after a failure: that of this user, or those of all if WorkOS asks for it or another
    /// user's request failed just before. Returns the list to use instead, if there is one.
    fn back_off(&self, user_id: &str, error: &WorkosError) -> Lookup {
        log::warn!("failed to list the organisations of {user_id}: {error}");
        let is_for_all = match error {
            WorkosError::Unavailable { retry_after, .. } => retry_after.is_some(),
            WorkosError::Refused { .. } if error.is_misconfiguration() => true,
            // The refusal concerns this user alone, and would be repeated.
            WorkosError::Refused { .. } => return Some(Arc::default()),
        };
        let delay = error.retry_after().unwrap_or(BACK_OFF);
        let now = self.clock.elapsed();
        let until = now + delay.min(LONGEST_BACK_OFF);
        self.cache.lock().back_off(user_id, is_for_all, now, until);
        None
    }
}

impl Cache {
    fn is_backing_off(&self, user_id: &str, now: Duration) -> bool {
        let until = self.failing_users.get(user_id).copied();
        now < self.backing_off_until.max(until.unwrap_or_default())
    }

    fn back_off(&mut self, user_id: &str, is_for_all: bool, now: Duration, until: Duration) {
        let failed = self.failed.replace(user_id.to_owned());
        if is_for_all || failed.is_some_and(|failed| failed != user_id) {
            self.backing_off_until = self.backing_off_until.max(until);
            return;
        }
        self.failing_users.retain(|_, until| now < *until);
        self.failing_users.insert(user_id.to_owned(), until);
    }

    fn make_room(&mut self, now: Duration) {
        if self.lists.len() < CAPACITY {
            return;
        }
        self.lists.retain(|_, list| list.is_fresh(now));
        let oldest = self.lists.iter().min_by_key(|(_, list)| list.requested_at);
        if let Some(key) = oldest.map(|(key, _)| key.clone())
            && self.lists.len() >= CAPACITY
        {
            self.lists.remove(&key);
        }
    }
}

impl CachedList {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.requested_at) < LIFETIME
    }
}
