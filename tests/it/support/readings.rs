//! Helpers for tests of how replicas learn of revoked sessions.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use vestibule::sessions::RevocationCache;

use super::app::TestApp;

/// A revocation takes effect within two seconds: a replica reads once a second.
const ROUNDS: usize = 5;

/// Whether the condition becomes true while a replica reads the revocation list a few times. The test
/// reads as often as a replica does and counts its reads instead of seconds, because a loaded machine
/// delays both equally.
pub(crate) async fn happens_soon(app: &TestApp, condition: impl AsyncFn() -> bool) -> bool {
    let own = RevocationCache::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        while began.elapsed() < RevocationCache::REFRESH_INTERVAL {
            if condition().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let reading = own.refresh(&app.database, app.now()).await;
        reading.expect("the database can be read");
    }
    false
}

/// Whether the condition becomes true, for changes that the emulator or a background task makes.
pub(crate) async fn becomes_true<F: Future<Output = bool>>(mut what: impl FnMut() -> F) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if what().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

impl TestApp {
    /// Renames the tables that a session depends on, so that no replica can read them.
    pub(crate) fn hide_session_tables(&self) {
        for table in ["users", "sessions", "ended_sessions"] {
            let statement = format!("ALTER TABLE {table} RENAME TO away_{table}");
            self.change(|conn| diesel::sql_query(statement).execute(conn));
        }
    }
}
