//! Write-behind for renewals. WorkOS invalidates a refresh token when it issues the next one. If
//! the database cannot store the next one, it is kept in memory and written when the database is
//! back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::status::RenewedSession;
use crate::db::{Conn, Database, DbError};
use crate::ids::SessionId;
use crate::known_sessions::KnownSessions;
use crate::sessions::{RevocationCache, SessionFacts, SessionGeneration};

/// How many times a write is tried before its request continues without it.
const ATTEMPTS: u32 = 3;
/// The delay between these attempts.
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);
/// The delay between attempts in the background. It is short because another replica that checks the
/// row before the write would send WorkOS the consumed token.
const BACKGROUND_DELAY: Duration = Duration::from_millis(200);
/// How long the background task keeps trying.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3_600);

/// A database write that can be repeated.
type Write<T> = Arc<dyn Fn(&mut Conn) -> Result<T, DbError> + Send + Sync>;

/// Stores a renewal. It may run late, and stores nothing if the row has changed in a way that makes
/// the renewal outdated.
pub(super) type StoreRenewal = Write<Option<(RenewedSession, Option<SessionGeneration>)>>;

/// The sessions whose renewal is not stored yet; clones share them.
#[derive(Clone)]
pub(super) struct WriteBehind {
    revocations: Arc<RevocationCache>,
    known_sessions: KnownSessions,
    pending: Arc<Mutex<HashMap<SessionId, Arc<RenewedSession>>>>,
}

impl WriteBehind {
    pub(super) fn new(revocations: Arc<RevocationCache>, known_sessions: KnownSessions) -> Self {
        Self {
            revocations,
            known_sessions,
            pending: Arc::default(),
        }
    }

    /// The renewed state of this session, if its row does not hold it yet.
    pub(super) fn pending(&self, session_id: &SessionId) -> Option<Arc<RenewedSession>> {
        self.pending.lock().get(session_id).cloned()
    }

    /// Whether every renewal is stored.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.lock().is_empty()
    }

    /// Writes with this handle of the database and retries after a failure, because the new tokens would
    /// otherwise be lost.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        database: &Database,
        write: Write<T>,
    ) -> Result<T, DbError> {
        for _ in 1..ATTEMPTS {
            match attempt(database, &write).await {
                Err(error) => {
                    log::warn!("failed to store a renewal, trying again: {error}");
                }
                written => return written,
            }
            tokio::time::sleep(ATTEMPT_DELAY).await;
        }
        attempt(database, &write).await
    }

    /// Keeps trying to store a renewal in a background task. Until it is stored, requests use
    /// `renewed` and `facts` instead of the row.
    pub(super) fn store_later(
        &self,
        session_id: SessionId,
        database: Database,
        (renewed, facts): (Arc<RenewedSession>, SessionFacts),
        store: StoreRenewal,
    ) {
        log::error!(
            "failed to store the renewal of session {session_id}; kept in memory until it is stored"
        );
        self.known_sessions.use_unstored(session_id.clone(), facts);
        self.pending.lock().insert(session_id.clone(), renewed);
        let this = self.clone();
        tokio::spawn(async move {
            let stored = tokio::time::timeout(GIVE_UP_AFTER, retry(&database, &store)).await;
            // First, so that no request finds the old facts.
            if let Ok(Some((_, Some(new)))) = &stored {
                this.revocations.add_generation(new);
            }
            this.known_sessions.forget_unstored(&session_id);
            this.pending.lock().remove(&session_id);
            match stored {
                Ok(_) => log::info!("the renewal of session {session_id} has been stored"),
                Err(_) => log::error!(
                    "the renewal of session {session_id} was not stored within an hour; the session \
                     will end"
                ),
            }
        });
    }
}

async fn retry(
    database: &Database,
    store: &StoreRenewal,
) -> Option<(RenewedSession, Option<SessionGeneration>)> {
    loop {
        tokio::time::sleep(BACKGROUND_DELAY).await;
        if let Ok(stored) = attempt(database, store).await {
            return stored;
        }
    }
}

async fn attempt<T: Send + 'static>(database: &Database, write: &Write<T>) -> Result<T, DbError> {
    let write = Arc::clone(write);
    database.write(move |conn| write(conn)).await
}
