//! Runs queries on threads that may block, and stops waiting for those that get no answer.
//!
//! The limits of a statement are PostgreSQL's. If its processes hang while the kernel of its machine goes on
//! acknowledging, as on storage that does not answer, no limit ends a query: the connection is alive. libpq cannot be
//! interrupted, so thread and connection are left as they are, and the [`Lane`] opens other connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::error::DbError;
use super::lane::Lane;

/// Runs `work`, which uses connections of `lane`, for at most `limit`. What is `held` is released when the work has
/// ended or is abandoned.
pub(super) async fn run_blocking<T, E>(
    lane: &Arc<Lane>,
    limit: Duration,
    held: impl Send + 'static,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let lane = Arc::clone(lane);
    let pool = lane.pool_number();
    let mut work = tokio::task::spawn_blocking(work);
    // A task of its own goes on if nobody waits for the result any more.
    let watched = tokio::spawn(async move {
        match tokio::time::timeout(limit, &mut work).await {
            Ok(result) => {
                drop(held);
                result.unwrap_or_else(|_| Err(DbError::Interrupted.into()))
            }
            Err(_) => {
                tokio::spawn(abandon(lane, pool, held, work));
                Err(DbError::Unavailable(format!("no answer within {limit:?}")).into())
            }
        }
    });
    let result = watched.await;
    result.unwrap_or_else(|_| Err(DbError::Interrupted.into()))
}

/// Lets others have what work without an answer holds, as far as the lane allows it.
async fn abandon<R>(lane: Arc<Lane>, pool: u64, held: impl Send, work: JoinHandle<R>) {
    let abandoned = lane.abandon(pool);
    let _held = abandoned.is_none().then_some(held);
    let _ended = work.await;
}
