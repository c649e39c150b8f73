//! The statements that begin sessions and transactions, as the database and its address demand.

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
    /// Begins a transaction that waits only briefly for a lock; `None` on SQLite, which has one lock.
    pub(super) begin_with_short_wait: Option<String>,
    /// Whether a pooler may run each transaction in another session. Then every query needs a transaction.
    pub(super) is_behind_pooler: bool,
}
