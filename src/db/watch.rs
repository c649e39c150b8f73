//! Watches SQLite's file while a server runs, and closes the connections at its end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Database;
use super::conn::{Conn, truncate_wal};
use super::error::DbError;
use super::lane::Lane;
use super::sqlite_file::SqliteFile;
use super::wal;

const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// The `-wal` file is usually shorter than 5 MB, because SQLite begins it anew after a checkpoint. It grows
/// without limit while a reader keeps its transaction open.
const LONG_WAL: u64 = 64 << 20;
/// How often the log tells of a long `-wal` file.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// How long [`Database::close`] waits for running queries.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What has been logged, so that it is not repeated every second.
#[derive(Default)]
struct Told {
    displaced: bool,
    long_wal: Option<Instant>,
    /// The number of transactions in the file without its `-wal` file, at the last look.
    transactions: Option<i32>,
    /// When it had last been modified then.
    modified: Option<SystemTime>,
}

impl Database {
    /// Fails if SQLite's file was deleted or replaced.
    pub(super) fn check_file(&self) -> Result<(), DbError> {
        match &self.file {
            Some(file) => file.check_in_place(),
            None => Ok(()),
        }
    }

    /// Watches SQLite's file for as long as this future is awaited. The log tells if the file was deleted, replaced
    /// or overwritten, or if its `-wal` file is long, which is cut as soon as no reader needs it.
    pub async fn watch(&self) {
        let Some(file) = self.file.clone() else {
            return std::future::pending().await;
        };
        let mut told = Told::default();
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let (database, file) = (self.clone(), Arc::clone(&file));
            let seen = tokio::task::spawn_blocking(move || {
                told.look(&database, &file);
                told
            });
            // It only ends early if the runtime does.
            told = seen.await.unwrap_or_default();
        }
    }

    /// Closes every connection, and waits up to five seconds for those that are in use. With the last connection
    /// SQLite writes its `-wal` file into the database and removes it. Later queries fail.
    ///
    /// If the file was deleted, replaced, overwritten or found damaged, this closes nothing and fails: the log may not
    /// belong to the file. The process must then exit without dropping the connections.
    pub fn close(&self) -> Result<(), DbError> {
        self.check_file()?;
        let until = Instant::now() + CLOSE_TIMEOUT;
        for lane in self.lanes() {
            lane.close(until);
        }
        Ok(())
    }

    /// Whether PostgreSQL has not answered all queries after [`close`](Self::close). The threads that wait for it
    /// would keep the process from ending.
    pub fn is_unanswered(&self) -> bool {
        self.has_queues() && self.lanes().iter().any(|lane| lane.is_in_use())
    }

    fn lanes(&self) -> [&Arc<Lane>; 4] {
        [&self.reader, &self.probe, &self.reserved, &self.writer]
    }

    /// Has SQLite write its `-wal` file into the database and cut it, without waiting for readers or writers of
    /// other processes.
    fn shorten_wal(&self) -> Result<(), DbError> {
        // Most of the work is done on a connection that keeps no writer waiting.
        for (lane, whole) in [(&self.reader, false), (&self.writer, true)] {
            match &mut **lane.get()? {
                Conn::Sqlite(conn) => truncate_wal(conn, whole)?,
                #[cfg(feature = "postgres")]
                Conn::Postgres(_) => {}
            }
        }
        Ok(())
    }
}

impl Told {
    fn look(&mut self, database: &Database, file: &SqliteFile) {
        let in_place = file.check_in_place();
        match &in_place {
            Err(error) if !self.displaced => log::error!("{error}"),
            Ok(()) if self.displaced => log::info!("{} is back", file.path().display()),
            _ => {}
        }
        self.displaced = in_place.is_err();
        if !self.displaced {
            self.look_at_content(database, file);
            self.look_at_wal(database, file);
        }
    }

    /// Notices that another program has overwritten the file: it does not fit the `-wal` file, or is an earlier
    /// state than at the last look.
    fn look_at_content(&mut self, database: &Database, file: &SqliteFile) {
        let modified = file.modified();
        let is_short = file.wal_bytes() <= LONG_WAL;
        if modified == self.modified || !is_short {
            return;
        }
        let Some(transactions) = wal::transactions_in_file(file.path()) else {
            return;
        };
        let before = self.transactions.unwrap_or(transactions);
        if transactions.wrapping_sub(before) >= 0 && wal::check(file.path()).is_ok() {
            (self.transactions, self.modified) = (Some(transactions), modified);
            return;
        }
        // If the last connection is closed, SQLite writes `-wal` into the file.
        std::mem::forget(database.reader.get());
        file.fault().get_or_init(|| {
            let path = file.path().display();
            format!(
                "{path} was overwritten while this process has it open; nothing is read or written until the process is restarted; stop the server, copy the file and its -wal, and start it again; if it refuses the file then, restore a backup with `vestibule restore FILE`"
            )
        });
    }

    fn look_at_wal(&mut self, database: &Database, file: &SqliteFile) {
        let name = file.path().display();
        if file.wal_bytes() > LONG_WAL {
            if let Err(error) = database.shorten_wal() {
                log::warn!("failed to shorten {name}-wal: {error}");
            }
            let bytes = file.wal_bytes();
            let due = self
                .long_wal
                .is_none_or(|at| at.elapsed() >= WARNING_INTERVAL);
            if bytes > LONG_WAL && due {
                let megabytes = bytes >> 20;
                log::warn!(
                    "{name}-wal has grown to {megabytes} MB, because a reader keeps a transaction open; end the program that has the database open (`lsof {name}` lists them)"
                );
                self.long_wal = Some(Instant::now());
            }
        } else if self.long_wal.take().is_some() {
            log::info!("{name}-wal has been shortened");
        }
    }
}
