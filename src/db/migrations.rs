//! The migrations, compiled in: one folder for each database, the same names in both.

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::r2d2::PooledConnection;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::Manager;
use super::{Conn, DbError};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The migrations of one database.
pub struct Migrations {
    conn: PooledConnection<Manager>,
}

/// A migration: its version, as Diesel notes it once applied, and its folder's name.
struct Known {
    version: String,
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

impl Migrations {
    pub(super) fn new(conn: PooledConnection<Manager>) -> Self {
        Self { conn }
    }

    /// Names of those that are not applied yet, oldest first. Writes nothing, unlike Diesel's own.
    pub fn pending(&mut self) -> Result<Vec<String>, DbError> {
        let applied = self.applied()?;
        let known = self.known()?.into_iter();
        Ok(known
            .filter(|one| !applied.contains(&one.version))
            .map(|one| one.name)
            .collect())
    }

    /// Applies the oldest pending migration in its own transaction; its name, or `None` when there
    /// is none left.
    pub fn apply_next(&mut self) -> Result<Option<String>, DbError> {
        let Some(name) = self.pending()?.into_iter().next() else {
            return Ok(None);
        };
        let outcome = match &mut *self.conn {
            Conn::Sqlite(conn) => conn.run_next_migration(SQLITE).map(drop),
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => conn.run_next_migration(POSTGRES).map(drop),
        };
        match outcome {
            Ok(()) => Ok(Some(name)),
            // Another replica was quicker: what failed here is applied by now.
            Err(_) if !self.pending()?.contains(&name) => Ok(Some(name)),
            Err(error) => Err(DbError::Migration(format!("{name}: {error}"))),
        }
    }

    fn applied(&mut self) -> Result<Vec<String>, DbError> {
        let exists = match &*self.conn {
            Conn::Sqlite(_) => {
                "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => {
                "SELECT 'yes' AS version WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL"
            }
        };
        if sql_query(exists)
            .load::<Version>(&mut *self.conn)?
            .is_empty()
        {
            return Ok(Vec::new());
        }
        let rows = sql_query("SELECT version FROM __diesel_schema_migrations")
            .load::<Version>(&mut *self.conn)?;
        Ok(rows.into_iter().map(|row| row.version).collect())
    }

    fn known(&self) -> Result<Vec<Known>, DbError> {
        match &*self.conn {
            Conn::Sqlite(_) => known_in::<diesel::sqlite::Sqlite>(&SQLITE),
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => known_in::<diesel::pg::Pg>(&POSTGRES),
        }
    }
}

fn known_in<DB: Backend>(source: &EmbeddedMigrations) -> Result<Vec<Known>, DbError> {
    let migrations = MigrationSource::<DB>::migrations(source)
        .map_err(|error| DbError::Migration(error.to_string()))?;
    let mut known: Vec<_> = migrations
        .iter()
        .map(|one| Known {
            version: one.name().version().to_string(),
            name: one.name().to_string(),
        })
        .collect();
    known.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(known)
}
