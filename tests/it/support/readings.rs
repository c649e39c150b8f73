//! What a replica learns by itself of sessions that have ended, or is kept from learning.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use vestibule::sessions::Revocations;

use super::app::TestApp;

/// Two seconds are promised, and a replica takes one and a reading.
const ROUNDS: usize = 5;

/// Whether it happens while a replica reads a few times. Beside it the test reads as often as a replica
/// does, and counts its own readings rather than seconds: a loaded machine delays both.
pub(crate) async fn is_soon(app: &TestApp, happened: impl AsyncFn() -> bool) -> bool {
    let own = Revocations::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        while began.elapsed() < Revocations::READ_EVERY {
            if happened().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let reading = own.read(&app.database, app.now()).await;
        reading.expect("the database can be read");
    }
    false
}

impl TestApp {
    /// Keeps every replica from the tables that a session stands on.
    pub(crate) fn cut_off(&self) {
        for table in ["users", "sessions", "ended_sessions"] {
            let statement = format!("ALTER TABLE {table} RENAME TO away_{table}");
            self.change(|conn| diesel::sql_query(statement).execute(conn));
        }
    }
}
