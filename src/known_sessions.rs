//! What sessions know besides the identity in their cookies, in memory: so a request of a signed-in user reads no row
//! until its session changes.
//!
//! Entries are found by session, generation and the database's epoch. A change of what is kept here begins a new
//! generation, which every replica learns of within two seconds, so that no entry is wrong for longer. What has no
//! generation, such as the groups of an account, is read again after [`LIFETIME`]; if the database cannot be read, the
//! entry is used for as long as pages are served without a database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::accounts::{User, UserKey, group_names};
use crate::clock::Clock;
use crate::db::{Conn, Database, DbError};
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::{
    RevocationCache, SessionFacts, SessionFingerprint, SessionState, fingerprint,
};
use crate::single_flight::SingleFlight;

/// How long an entry is used while the database answers.
const LIFETIME: Duration = Duration::from_secs(300);
/// The size of all entries, in bytes.
const CAPACITY: u64 = 32 << 20;
/// What an entry takes besides its texts.
const ENTRY_SIZE: usize = 384;
/// Sessions of usual size, by which the cache sizes its tables.
const EXPECTED_ENTRIES: usize = 50_000;

/// What a session knows besides its cookie.
#[derive(Clone, Debug)]
pub struct KnownSession {
    /// The key by which tokens and clients name the account.
    pub user_key: UserKey,
    /// The account's username.
    pub username: Option<String>,
    /// The `token_version` of the account.
    pub token_version: i64,
    /// The names of the groups that the account had in Django.
    pub groups: Vec<String>,
    /// WorkOS's id of the session.
    pub workos_sid: Option<WorkosSid>,
    /// The organisation, the role, and what else WorkOS says.
    pub facts: SessionFacts,
}

/// The cache. Clones share it.
#[derive(Clone)]
pub struct KnownSessions {
    database: Database,
    revocations: Arc<RevocationCache>,
    clock: Clock,
    entries: Arc<Cache<EntryKey, Entry, BySize>>,
    /// The readings that run, and their results. An error is shared by its text.
    readings: SingleFlight<EntryKey, Option<Result<Known, String>>>,
    /// The facts of renewed sessions whose rows do not have them yet.
    unstored: Arc<Mutex<HashMap<SessionId, SessionFacts>>>,
}

/// `None` if the session has no row.
type Known = Option<Arc<KnownSession>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct EntryKey {
    session: SessionFingerprint,
    /// After a restored backup, generations are given out again.
    epoch: i64,
    generation: i32,
}

#[derive(Clone)]
struct Entry {
    session: Arc<KnownSession>,
    /// In bytes. The cache asks for it again and again.
    size: u64,
    /// By [`Clock::elapsed`].
    read_at: Duration,
}

impl KnownSession {
    fn read(conn: &mut Conn, state: &SessionState) -> QueryResult<Option<Self>> {
        let Some(user) = User::of_session(conn, &state.session_id, state.user_id)? else {
            return Ok(None);
        };
        let Some((facts, workos_sid)) = SessionFacts::of(conn, &state.session_id, user.id)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            user_key: user.key(),
            token_version: user.token_version,
            username: user.username,
            groups: group_names(conn, user.id)?,
            workos_sid,
            facts,
        }))
    }

    fn size(&self) -> u64 {
        let json = self.facts.workos.to_json().len();
        let groups: usize = self.groups.iter().map(|name| name.len() + 24).sum();
        // A list takes about as much again as its texts.
        (ENTRY_SIZE + 2 * json + groups) as u64
    }
}

impl KnownSessions {
    /// Creates an empty cache.
    pub fn new(database: Database, revocations: Arc<RevocationCache>, clock: Clock) -> Self {
        let entries = Cache::with_weighter(EXPECTED_ENTRIES, CAPACITY, BySize);
        Self {
            database,
            revocations,
            clock,
            entries: Arc::new(entries),
            readings: SingleFlight::default(),
            unstored: Arc::default(),
        }
    }

    /// Uses these facts of a session instead of those of its row, which the database cannot store yet.
    pub fn use_unstored(&self, id: SessionId, facts: SessionFacts) {
        self.unstored.lock().insert(id, facts);
    }

    /// Uses the facts of the row again.
    pub fn forget_unstored(&self, id: &SessionId) {
        self.unstored.lock().remove(id);
    }

    /// What the session of a cookie knows, from the database if it is not cached; `None` if the session has no row.
    /// Concurrent requests of one session share one reading, also if it fails.
    pub async fn of(&self, state: &SessionState) -> Result<Known, DbError> {
        let stored = self.stored(state).await?;
        let unstored = self.unstored.lock().get(&state.session_id).cloned();
        Ok(match (stored, unstored) {
            (Some(stored), Some(facts)) => Some(Arc::new(KnownSession {
                facts,
                ..KnownSession::clone(&stored)
            })),
            (stored, _) => stored,
        })
    }

    async fn stored(&self, state: &SessionState) -> Result<Known, DbError> {
        let key = EntryKey {
            session: fingerprint(&state.session_id),
            epoch: self.revocations.epoch(),
            generation: state
                .generation
                .max(self.revocations.generation(&state.session_id)),
        };
        let old = match self.entries.get(&key) {
            // A reading would fail, after a wait.
            Some(entry) if !self.is_old(&entry) || self.revocations.is_late() => {
                return Ok(Some(entry.session));
            }
            old => old,
        };
        match (self.shared_reading(key, state).await, old) {
            (Err(_), Some(old)) => Ok(Some(old.session)),
            (read, _) => read,
        }
    }

    fn is_old(&self, entry: &Entry) -> bool {
        self.clock.elapsed().saturating_sub(entry.read_at) >= LIFETIME
    }

    async fn shared_reading(&self, key: EntryKey, state: &SessionState) -> Result<Known, DbError> {
        loop {
            let (mut progress, leader) = self.readings.join(key);
            let Some(leader) = leader else {
                // An error means that the request which was reading has ended.
                if let Ok(done) = progress.wait_for(Option::is_some).await
                    && let Some(result) = &*done
                {
                    return result.clone().map_err(DbError::Unavailable);
                }
                continue;
            };
            let result = match self.entries.get(&key) {
                // Another reading has ended since.
                Some(entry) if !self.is_old(&entry) => Ok(Some(entry.session)),
                _ => self.read(key, state.clone()).await,
            };
            let shared = result.as_ref().map(Option::clone);
            leader.complete(Some(shared.map_err(ToString::to_string)));
            return result;
        }
    }

    async fn read(&self, key: EntryKey, state: SessionState) -> Result<Known, DbError> {
        let read_at = self.clock.elapsed();
        let read = move |conn: &mut Conn| KnownSession::read(conn, &state).map_err(DbError::from);
        let session = self.database.read(read).await?.map(Arc::new);
        match &session {
            Some(session) => {
                let entry = Entry {
                    session: Arc::clone(session),
                    size: session.size(),
                    read_at,
                };
                self.entries.insert(key, entry);
            }
            None => drop(self.entries.remove(&key)),
        }
        Ok(session)
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<EntryKey, Entry> for BySize {
    fn weight(&self, _: &EntryKey, entry: &Entry) -> u64 {
        entry.size
    }
}
