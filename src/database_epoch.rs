//! Recognizes a database that was restored from a backup, of which nobody has told the program.
//!
//! Running servers write a heartbeat into the database once a minute, and keep a copy of it outside of the
//! database: in memory, and in the mark, a small file. A database whose heartbeat is older than a mark was
//! restored. This is noted in the database, and `vestibule restored` removes the note.

mod mark;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::{Clock, ClockDifference, Timestamp};
use crate::db::schema::database_epoch;
use crate::db::{Conn, Database, DbError, database_now};
use crate::logging::RepeatedWarning;

pub use mark::RestoreMark;

/// The time between two heartbeats.
const INTERVAL: Duration = Duration::from_secs(60);
/// A heartbeat may be older than the mark by this, and the database was not restored: a failover may lose the
/// last transactions.
const TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// The row of `database_epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = database_epoch)]
pub struct DatabaseEpoch {
    /// A random number, which `vestibule restored` replaces. A cookie names the epoch in which it was last
    /// compared with the row of its session.
    pub epoch: i64,
    /// The last heartbeat, by the database's clock. It never goes back.
    pub heartbeat_at: Timestamp,
    /// The heartbeat of the backup, if a server has noticed that one was restored.
    pub restore_noticed_at: Option<Timestamp>,
}

impl DatabaseEpoch {
    /// Reads the row.
    pub fn read(conn: &mut Conn) -> QueryResult<Self> {
        database_epoch::table.select(Self::as_select()).first(conn)
    }

    /// Reads the row, and lets nobody else change it until the transaction ends: a change between reading and writing
    /// would be lost.
    pub fn read_locked(conn: &mut Conn) -> QueryResult<Self> {
        // An update locks the row on both databases.
        diesel::update(database_epoch::table)
            .set(database_epoch::epoch.eq(database_epoch::epoch))
            .execute(conn)?;
        Self::read(conn)
    }

    /// Up to when the data of a restored backup go; `None` if nothing shows that one was restored. `mark`: the
    /// latest heartbeat that is known outside of the database.
    pub fn restored_from(&self, mark: Option<Timestamp>) -> Option<Timestamp> {
        let is_older = mark.is_some_and(|mark| self.heartbeat_at.plus(TOLERANCE) < mark);
        self.restore_noticed_at
            .or_else(|| is_older.then_some(self.heartbeat_at))
    }
}

/// What a heartbeat has found.
struct Heartbeat {
    /// The heartbeat that was written.
    at: Timestamp,
    /// See [`DatabaseEpoch::restored_from`].
    restored_from: Option<Timestamp>,
    /// The present time by the database's clock.
    database_now: Timestamp,
}

/// Writes the heartbeat.
fn beat(conn: &mut Conn, mark: Option<Timestamp>) -> QueryResult<Heartbeat> {
    let database_now = database_now(conn)?;
    let row = DatabaseEpoch::read_locked(conn)?;
    let restored_from = row.restored_from(mark);
    let at = row.heartbeat_at.max(database_now);
    diesel::update(database_epoch::table)
        .set((
            database_epoch::heartbeat_at.eq(at),
            database_epoch::restore_noticed_at.eq(restored_from),
        ))
        .execute(conn)?;
    Ok(Heartbeat {
        at,
        restored_from,
        database_now,
    })
}

/// Writes the heartbeat once a minute, for as long as this future is awaited. Logs once a minute that the
/// database was restored, and that the clocks differ.
pub async fn beat_periodically(database: &Database, mut mark: RestoreMark, clock: &Clock) {
    let mut failing = false;
    loop {
        let (began, now, latest) = (Instant::now(), clock.now(), mark.latest());
        let outcome = database
            .write(move |conn| beat(conn, latest).map_err(DbError::from))
            .await;
        match &outcome {
            Ok(heartbeat) => {
                if let Some(until) = heartbeat.restored_from {
                    log::error!("{}", restored_message(until));
                }
                let elapsed = began.elapsed();
                if let Some(it) = ClockDifference::find(now, heartbeat.database_now, elapsed) {
                    log::warn!("{it}");
                }
                mark.write(heartbeat.at);
            }
            Err(error) if !failing => log::warn!("failed to write the heartbeat: {error}"),
            Err(_) => {}
        }
        failing = outcome.is_err();
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Says that the database was restored, and what to do.
pub fn restored_message(until: Timestamp) -> String {
    format!(
        "the database was restored from a backup whose data go up to {until}; run `vestibule restored`, because sessions and tokens that had ended may be valid again, and ids are given out again"
    )
}

/// Logs, once a minute at most, that a session or token is unknown that this program has issued and that has
/// not expired. Rows are kept until then, so the database may be an older one.
pub fn warn_of_unknown(what: &str) {
    static WARNING: RepeatedWarning = RepeatedWarning::new(module_path!());
    WARNING.log(|repeated| {
        format!(
            "{what} is not in the database, although it was issued here and has not expired{repeated}; if the database was restored from a backup, run `vestibule restored`"
        )
    });
}
