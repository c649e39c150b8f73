//! The migrations, which are compiled in: one folder for each database, with the same names in both.

use std::thread;
use std::time::{Duration, Instant};

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::r2d2::PooledConnection;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::Conn;
use super::error::DbError;
use super::faults::Faults;
use super::pool::{ConnectionManager, LockWait, PooledConn};
use crate::settings::DatabaseUrl;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The migrations of one database.
pub struct Migrations {
    conn: PooledConnection<ConnectionManager>,
}

/// A compiled-in migration: its version, which Diesel stores when it is applied, and its folder's name.
struct KnownMigration {
    version: String,
    name: String,
}

/// How long a statement of a migration waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a migration that could not lock its tables is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The pause after the first try. It doubles after each, and lets other queries of the tables proceed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

#[derive(diesel::QueryableByName)]
struct AppliedVersion {
    #[diesel(sql_type = Text)]
    version: String,
}

impl Migrations {
    pub(super) fn new(conn: PooledConnection<ConnectionManager>) -> Self {
        Self { conn }
    }

    /// Names of the migrations that are not applied, the oldest first. Writes nothing, unlike Diesel's own
    /// function.
    pub fn pending(&mut self) -> Result<Vec<String>, DbError> {
        PooledConn::read(&mut self.conn, LockWait::Short, pending)
    }

    /// Applies the oldest pending migration in its own transaction and returns its name; `None` if none is
    /// pending. Two processes that migrate at the same time take turns.
    pub fn apply_next(&mut self) -> Result<Option<String>, DbError> {
        self.apply_next_and_tell(|wait| log::warn!("{wait}"))
    }

    /// The same. A migration that cannot lock its tables within a second, because another transaction uses them, is
    /// undone and tried again for ten minutes: while it waits for a lock, PostgreSQL lets no query of these
    /// tables begin. `tell` is called with a description of each wait.
    pub fn apply_next_and_tell(
        &mut self,
        mut tell: impl FnMut(&str),
    ) -> Result<Option<String>, DbError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            self.conn.forget_faults();
            let tried = Instant::now();
            let outcome = self.conn.transaction(LockWait::Short, apply_next);
            match outcome {
                Err(DbError::Migration(problem))
                    if self.may_be_locked(tried) && began.elapsed() < LONGEST_WAIT =>
                {
                    let others =
                        PooledConn::read(&mut self.conn, LockWait::Short, open_transactions);
                    let others = others.unwrap_or_default();
                    tell(&format!(
                        "{problem}; trying again in {pause:?}. {}",
                        others.join(", ")
                    ));
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether the migration that was tried at this time may have failed because of other transactions. Diesel has no
    /// kind for a statement that has waited too long for a lock, and its message is in the server's language.
    fn may_be_locked(&self, tried: Instant) -> bool {
        let faults = self.conn.faults();
        let has_waited = tried.elapsed() >= LOCK_TIMEOUT && faults.any_of(Faults::UNEXPLAINED);
        let has_other_locks = !matches!(**self.conn, Conn::Sqlite(_));
        has_other_locks && (has_waited || faults.any_of(Faults::CONFLICT))
    }
}

fn apply_next(conn: &mut Conn) -> Result<Option<String>, DbError> {
    lock(conn)?;
    let Some(name) = pending(conn)?.into_iter().next() else {
        return Ok(None);
    };
    let outcome = match conn {
        Conn::Sqlite(conn) => conn.run_next_migration(SQLITE).map(drop),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => conn.run_next_migration(POSTGRES).map(drop),
    };
    match outcome {
        Ok(()) => Ok(Some(name)),
        Err(error) => Err(DbError::Migration(format!("{name}: {error}"))),
    }
}

/// The number of migrations of a database by what this version knows of them.
pub(super) struct MigrationState {
    pub(super) applied: usize,
    pub(super) pending: usize,
    /// Applied by a newer version.
    pub(super) unknown: usize,
}

pub(super) fn state(conn: &mut Conn) -> Result<MigrationState, DbError> {
    let applied = applied(conn)?;
    let known: Vec<_> = known(conn)?.into_iter().map(|one| one.version).collect();
    let missing = |of: &[String], from: &[String]| {
        let missing = of.iter().filter(|version| !from.contains(version));
        missing.count()
    };
    Ok(MigrationState {
        pending: missing(&known, &applied),
        unknown: missing(&applied, &known),
        applied: applied.len(),
    })
}

/// Descriptions of the transactions of other connections that have been open for a second, the oldest first.
/// One of them is what a migration waits for. PostgreSQL shows those of other roles only to a role that may
/// see them. SQLite has no such list.
fn open_transactions(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    match conn {
        Conn::Sqlite(_) => Ok(Vec::new()),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            let rows = sql_query(
                "SELECT format('Process %s of %s has had a transaction open for %s s', pid, \
                 coalesce(nullif(application_name, ''), usename), \
                 extract(epoch FROM clock_timestamp() - xact_start)::int) AS version \
                 FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND xact_start < clock_timestamp() - interval '1 second' \
                 ORDER BY xact_start LIMIT 3",
            )
            .load::<AppliedVersion>(conn)?;
            Ok(rows.into_iter().map(|row| row.version).collect())
        }
    }
}

/// Names of all migrations of this kind of database, the oldest first.
pub(super) fn names(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    let known = match url {
        DatabaseUrl::Sqlite(_) => known_in::<diesel::sqlite::Sqlite>(&SQLITE),
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(_) => known_in::<diesel::pg::Pg>(&POSTGRES),
        #[cfg(not(feature = "postgres"))]
        DatabaseUrl::Postgres(_) => Err(DbError::NoPostgres),
    }?;
    Ok(known.into_iter().map(|one| one.name).collect())
}

/// Waits until no other process migrates, and locks others out until this transaction ends. SQLite's
/// transaction already has the only write lock. The statements of a migration may take long, but may not wait
/// long for a lock.
fn lock(conn: &mut Conn) -> Result<(), DbError> {
    match conn {
        Conn::Sqlite(_) => {}
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection;

            // The number is arbitrary, but the same in every version of vestibule.
            let lock_timeout = LOCK_TIMEOUT.as_millis();
            conn.batch_execute(&format!(
                "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                 SELECT pg_advisory_xact_lock(7817216943); SET LOCAL lock_timeout = {lock_timeout}",
            ))?;
        }
    }
    Ok(())
}

pub(super) fn pending(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let applied = applied(conn)?;
    let known = known(conn)?.into_iter();
    Ok(known
        .filter(|one| !applied.contains(&one.version))
        .map(|one| one.name)
        .collect())
}

fn applied(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let exists = match conn {
        Conn::Sqlite(_) => {
            "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => {
            "SELECT 'yes' AS version WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL"
        }
    };
    if sql_query(exists).load::<AppliedVersion>(conn)?.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        sql_query("SELECT version FROM __diesel_schema_migrations").load::<AppliedVersion>(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn known(conn: &Conn) -> Result<Vec<KnownMigration>, DbError> {
    match conn {
        Conn::Sqlite(_) => known_in::<diesel::sqlite::Sqlite>(&SQLITE),
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => known_in::<diesel::pg::Pg>(&POSTGRES),
    }
}

fn known_in<DB: Backend>(source: &EmbeddedMigrations) -> Result<Vec<KnownMigration>, DbError> {
    let migrations = MigrationSource::<DB>::migrations(source)
        .map_err(|error| DbError::Migration(error.to_string()))?;
    let mut known: Vec<_> = migrations
        .iter()
        .map(|one| KnownMigration {
            version: one.name().version().to_string(),
            name: one.name().to_string(),
        })
        .collect();
    known.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(known)
}

#[cfg(test)]
mod tests;
