//! What WorkOS has given and the database would not take: the next refresh token, with the old one used up.
//! It is kept in memory, and written when the database is back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Fresh, LOOK_EVERY};
use crate::db::{Conn, DbError};
use crate::sessions::SessionGeneration;
use crate::state::AppState;

/// How often a write is tried before its request goes on without it.
const WRITES: u32 = 3;
/// How often it is tried from then on: another replica that looks at the row first would show WorkOS a
/// token that is used up.
const EVERY: Duration = Duration::from_millis(200);
/// How long at the most.
const AT_MOST: Duration = Duration::from_secs(3_600);

/// The sessions whose row is behind.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<HashMap<String, Arc<Fresh>>>);

impl Unwritten {
    /// What WorkOS has said of this session, where its row does not know it yet.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Fresh>> {
        self.all().get(id).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Fresh>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is written, and may be written again.
type Write<T> = Arc<dyn Fn(&mut Conn) -> Result<T, DbError> + Send + Sync>;

/// A write that may come late: what it finds in the row decides whether it still counts.
pub(super) type Change = Write<Option<(Fresh, Option<SessionGeneration>)>>;

/// Goes on writing, in a task of its own; `fresh` stands for the row until then.
pub(super) fn keep(app: &Arc<AppState>, id: String, fresh: Arc<Fresh>, change: Change) {
    log::error!("a session's renewal could not be written, and is kept until it can be");
    app.renewals.unwritten.all().insert(id.clone(), fresh);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let written = tokio::time::timeout(AT_MOST, until_written(&app, &change)).await;
        app.renewals.unwritten.all().remove(&id);
        match written {
            Ok(Some((_, Some(mark)))) => app.revocations.add_generation(&mark),
            Ok(_) => log::info!("a session's renewal is written after all"),
            Err(_) => log::error!("a session's renewal was never written: it will have to end"),
        }
    });
}

async fn until_written(
    app: &AppState,
    change: &Change,
) -> Option<(Fresh, Option<SessionGeneration>)> {
    loop {
        tokio::time::sleep(EVERY).await;
        let change = Arc::clone(change);
        if let Ok(written) = app.database.write(move |conn| change(conn)).await {
            return written;
        }
    }
}

/// A write that is tried again: what WorkOS has just given would be lost with it.
pub(super) async fn write<T: Send + 'static>(
    app: &AppState,
    change: Write<T>,
) -> Result<T, DbError> {
    for _ in 1..WRITES {
        let change = Arc::clone(&change);
        match app.database.write(move |conn| change(conn)).await {
            Err(error) => log::warn!("the renewal of a session is written again: {error}"),
            written => return written,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    app.database.write(move |conn| change(conn)).await
}
