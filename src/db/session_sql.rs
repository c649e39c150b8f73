//! The statements that begin sessions and transactions, as the database and its address demand.

use std::time::Duration;

/// How long a statement waits for a lock that somebody else holds, unless the role's own limit is shorter.
pub(super) const SHORT_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// The same for a transaction that has waited in vain.
pub(super) const LONG_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The statements that begin sessions and transactions.
pub(super) struct SessionSql {
    /// Run first on a new connection to PostgreSQL.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "SQLite has none")
    )]
    pub(super) on_connect: String,
    /// Begins a transaction.
    pub(super) begin: String,
    /// Begins a transaction that waits longer for a lock; `None` on SQLite, which has one lock.
    pub(super) begin_with_long_wait: Option<String>,
    /// Whether a pooler may run each transaction in another session. Then every query needs a transaction.
    pub(super) is_behind_pooler: bool,
}
