//! Which organisations people belong to, as WorkOS said within the last minute: a page that is loaded
//! again asks nobody, and while WorkOS does not answer, no page waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::workos::{OrganizationList, WorkosClient, WorkosError};

/// How long a list counts. A membership that changes is told by a webhook, on this replica at once.
const REMEMBERED: Duration = Duration::from_secs(60);
/// About 10 MB where each has a hundred organisations.
const MOST: usize = 1_000;
/// How long nobody asks after an outage, where WorkOS did not say.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest that WorkOS's `Retry-After` is obeyed; more is a mistake.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What is remembered; clones share it.
#[derive(Clone, Default)]
pub struct Memberships(Arc<Mutex<Memory>>);

/// A user at WorkOS, and the organisation that the session is in.
type Key = (String, Option<String>);
/// `None` within it: WorkOS could not tell.
type Told = Option<Arc<OrganizationList>>;

#[derive(Default)]
struct Memory {
    lists: HashMap<Key, List>,
    resting_until: Duration,
}

/// A list that is asked for, or is there.
struct List {
    told: watch::Receiver<Option<Told>>,
    asked_at: Duration,
}

impl Memberships {
    /// The organisations of this user; `None` where WorkOS cannot tell them now. All who want the same
    /// list at once ask for it once, and one that goes away stops nothing.
    pub async fn of(
        &self,
        workos: &WorkosClient,
        clock: &Clock,
        user_id: &str,
        present: Option<&str>,
    ) -> Option<Arc<OrganizationList>> {
        let key = (user_id.to_owned(), present.map(str::to_owned));
        let mut told = self.told(workos, clock, key)?;
        let told = told.wait_for(Option::is_some).await;
        // An error means that its task is gone, as at the end of a worker.
        told.ok()?.clone()?
    }

    /// Forgets what this user belongs to.
    pub fn forget(&self, user_id: &str) {
        self.memory().lists.retain(|(id, _), _| id != user_id);
    }

    /// The list that is known, or being asked for; `None` while nobody asks.
    fn told(
        &self,
        workos: &WorkosClient,
        clock: &Clock,
        key: Key,
    ) -> Option<watch::Receiver<Option<Told>>> {
        let now = clock.elapsed();
        let mut memory = self.memory();
        if let Some(list) = memory.lists.get(&key).filter(|list| list.counts(now)) {
            return Some(list.told.clone());
        }
        if now < memory.resting_until {
            return None;
        }
        let (tell, told) = watch::channel(None);
        memory.make_room(now);
        let list = List {
            told: told.clone(),
            asked_at: now,
        };
        memory.lists.insert(key.clone(), list);
        let (memberships, workos, clock) = (self.clone(), workos.clone(), clock.clone());
        tokio::spawn(async move {
            let (user_id, present) = &key;
            let answer = workos.organizations_of(user_id, present.as_deref()).await;
            tell.send_replace(Some(memberships.sorted(answer, clock.elapsed())));
        });
        Some(told)
    }

    fn sorted(&self, answer: Result<OrganizationList, WorkosError>, now: Duration) -> Told {
        let error = match answer {
            Ok(organizations) => return Some(Arc::new(organizations)),
            Err(error) => error,
        };
        log::warn!("the account page goes without the organisations: {error}");
        let pause = match &error {
            WorkosError::Unavailable { retry_after, .. } => retry_after.unwrap_or(PAUSE),
            WorkosError::Refused { .. } if error.is_misconfiguration() => PAUSE,
            // It is about this user alone, and would be refused again.
            WorkosError::Refused { .. } => return Some(Arc::default()),
        };
        let mut memory = self.memory();
        memory.resting_until = memory.resting_until.max(now + pause.min(LONGEST_PAUSE));
        None
    }

    /// A thread that panicked left nothing half-done here.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn make_room(&mut self, now: Duration) {
        if self.lists.len() < MOST {
            return;
        }
        self.lists.retain(|_, list| list.counts(now));
        let oldest = self.lists.iter().min_by_key(|(_, list)| list.asked_at);
        if let Some(key) = oldest.map(|(key, _)| key.clone())
            && self.lists.len() >= MOST
        {
            self.lists.remove(&key);
        }
    }
}

impl List {
    /// Whether it was told within the last minute, or is on its way.
    fn counts(&self, now: Duration) -> bool {
        let in_time = now.saturating_sub(self.asked_at) < REMEMBERED;
        let hopeful = match &*self.told.borrow() {
            Some(told) => told.is_some(),
            // Without a sender nobody asks any more.
            None => self.told.has_changed().is_ok(),
        };
        in_time && hopeful
    }
}
