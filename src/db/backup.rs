//! Copies a SQLite database to a file and back.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as QueryError;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use rustix::fs::{FlockOperation, fcntl_lock};
use tempfile::NamedTempFile;

use super::conn::{Conn, connect_with};
use super::error::DbError;
use super::integrity::{Depth, check_file, open_for_reading};
use super::migrations;
use super::sqlite_file::{FileId, PREVIOUS, refuse_if_lost, resolve};
use super::wal::{self, beside};
use crate::clock::Timestamp;
use crate::settings::{DatabaseSettings, DatabaseUrl};

/// The files that SQLite keeps beside a database and that may hold a part of its content.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// Why a backup was not made or not restored. The database is unchanged, except by [`Away`](Self::Away).
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is PostgreSQL, which has its own programs.
    #[error(
        "DATABASE_URL names a PostgreSQL database, which `{0}` {1}; this command is for SQLite"
    )]
    Postgres(&'static str, &'static str),
    /// The backup's file exists.
    #[error("{} exists; name a new file", .0.display())]
    Exists(PathBuf),
    /// The file to restore is the database itself.
    #[error("{} is the database itself", .0.display())]
    SameFile(PathBuf),
    /// The file to restore was not written by this application.
    #[error("{} has no tables of vestibule", .0.display())]
    Foreign(PathBuf),
    /// The file to restore has migrations that this version does not know.
    #[error("{} was written by a newer version of vestibule; restore it with that version", .0.display())]
    Newer(PathBuf),
    /// Another process has the database open.
    #[error("another process has {} open; stop the server first (`lsof` lists the processes)", .0.display())]
    InUse(PathBuf),
    /// A file could not be written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, #[source] io::Error),
    /// The database was moved away, and could not be moved back.
    #[error("{}: {}; the database is not in its place, but complete in {}: move it back with its -wal, or restore again", .0.display(), .1, .2.display())]
    Away(PathBuf, #[source] io::Error, PathBuf),
    /// The database or the backup cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// What [`restore`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The database's file.
    pub database: PathBuf,
    /// The file that was in its place, with its logs beside it.
    pub previous: Option<PathBuf>,
    /// The number of migrations that the restored database lacks.
    pub pending_migrations: usize,
}

/// Copies the database as it is at this moment to a new file that only its owner can read, while others use it.
/// Returns the length of the file in bytes. The file is complete and on the disk when it has its name.
pub fn backup(settings: &DatabaseSettings, target: &Path) -> Result<u64, BackupError> {
    let path = sqlite_path(
        &settings.url,
        "pg_dump --format=custom --file=FILE",
        "backs up",
    )?;
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    refuse_if_lost(&path, settings.restore_mark_file.as_deref())?;
    wal::check(&path)?;
    let copy = copy(&path, parent(target))?;
    check_file(copy.path(), Depth::Content)?;
    let file_error = |error| BackupError::File(target.to_owned(), error);
    let file = copy
        .persist_noclobber(target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => file_error(error.error),
        })?;
    sync_folder(parent(target)).map_err(file_error)?;
    Ok(file.metadata().map_err(file_error)?.len())
}

/// Replaces the database by a backup. The file that was there is kept beside it, under a name with the time
/// `now`. Fails if another process has the database open.
pub fn restore(
    settings: &DatabaseSettings,
    source: &Path,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    let path = &sqlite_path(&settings.url, "pg_restore", "restores")?;
    let source = &resolve(source);
    let source_id = FileId::of(source).map_err(|error| file_error(source, error))?;
    if FileId::of(path).is_ok_and(|id| id == source_id) {
        return Err(BackupError::SameFile(source.to_owned()));
    }
    wal::check(source)?;
    check_file(source, Depth::Content)?;
    let pending_migrations = pending_migrations(source)?;
    let folder = parent(path);
    let copy = copy(source, folder)?;
    note_restore(&copy)?;
    let lock = lock(path)?;
    if let Some(lock) = &lock {
        keep_owner(lock, copy.path()).map_err(|error| file_error(copy.path(), error))?;
    }
    let moved = Moved::away(path, now)?;
    if let Err(error) = copy.persist(path) {
        return Err(moved.back(path.to_owned(), error.error));
    }
    let previous = moved.kept();
    sync_folder(folder).map_err(|error| file_error(folder, error))?;
    Ok(Restored {
        database: path.to_owned(),
        previous,
        pending_migrations,
    })
}

fn sqlite_path(
    url: &DatabaseUrl,
    program: &'static str,
    does: &'static str,
) -> Result<PathBuf, BackupError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(resolve(path)),
        DatabaseUrl::Postgres(_) => Err(BackupError::Postgres(program, does)),
    }
}

fn file_error(path: &Path, error: io::Error) -> BackupError {
    BackupError::File(path.to_owned(), error)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Copies a database, with the committed content of its `-wal` file, to a temporary file in `folder` with the
/// mode 0600, and writes it to the disk. Its number of transactions is a random one, so that the log of the
/// original is not taken for the copy's: SQLite arranges the pages of the copy in another way.
fn copy(path: &Path, folder: &Path) -> Result<NamedTempFile, BackupError> {
    if !path.exists() {
        return Err(DbError::Missing(path.to_owned()).into());
    }
    let copy = tempfile::Builder::new()
        .prefix(".vestibule-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(|error| file_error(folder, error))?;
    let mut conn = open_for_reading(path).map_err(|error| {
        let path = path.display();
        DbError::Unavailable(format!("{path}: {error}"))
    })?;
    let target = copy.path().to_string_lossy().into_owned();
    conn.batch_execute("PRAGMA busy_timeout = 5000")
        .and_then(|()| {
            let copy = sql_query("VACUUM INTO ?").bind::<Text, _>(target);
            copy.execute(&mut conn)
        })
        .map_err(DbError::from)?;
    number_anew(copy.path()).map_err(DbError::from)?;
    copy.as_file()
        .sync_all()
        .map_err(|error| file_error(copy.path(), error))?;
    Ok(copy)
}

/// Notes in a copy that a backup was restored: a server does not start with it before `vestibule restored` has ended
/// what must not come back. This command runs it, but may be killed before, or may have to wait for a migration. Also
/// switches the copy to a `-wal` file, without leaving one.
fn note_restore(copy: &NamedTempFile) -> Result<(), BackupError> {
    let mut conn = open_copy(copy.path()).map_err(DbError::from)?;
    let has_row =
        sql_query("SELECT count(*) AS number FROM sqlite_master WHERE name = 'database_epoch'");
    let Number { number } = has_row.get_result(&mut conn).map_err(DbError::from)?;
    if number > 0 {
        conn.batch_execute(
            "UPDATE database_epoch SET restore_noticed_at = heartbeat_at \
             WHERE restore_noticed_at IS NULL",
        )
        .map_err(DbError::from)?;
    }
    // Otherwise the first process that opens the file has to change it for that, with a journal.
    conn.batch_execute("PRAGMA journal_mode = WAL")
        .map_err(DbError::from)?;
    drop(conn);
    let synced = copy.as_file().sync_all();
    synced.map_err(|error| file_error(copy.path(), error))
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Opens an unfinished copy for writing. Nobody needs a journal of it: after a failure it is deleted.
fn open_copy(copy: &Path) -> QueryResult<SqliteConnection> {
    let conn = connect_with(copy, "mode=rw");
    let mut conn = conn.map_err(|error| QueryError::QueryBuilderError(error.into()))?;
    conn.batch_execute("PRAGMA journal_mode = OFF")?;
    Ok(conn)
}

fn number_anew(copy: &Path) -> QueryResult<()> {
    let mut conn = open_copy(copy)?;
    let random = sql_query("SELECT random() >> 32 AS number");
    let Number { number } = random.get_result(&mut conn)?;
    conn.batch_execute(&format!("PRAGMA user_version = {number}"))
}

/// The number of migrations that a backup lacks. Fails if it has others than this version.
fn pending_migrations(source: &Path) -> Result<usize, BackupError> {
    let conn = open_for_reading(source);
    let conn = conn.map_err(|error| DbError::Unavailable(error.to_string()))?;
    let state = migrations::state(&mut Conn::Sqlite(conn))?;
    if state.applied == 0 {
        return Err(BackupError::Foreign(source.to_owned()));
    }
    if state.unknown > 0 {
        return Err(BackupError::Newer(source.to_owned()));
    }
    Ok(state.pending)
}

/// Locks the file as SQLite does for its only user, until the returned file is dropped. `None` if there is no
/// file. Works on a file that is no database too, which a restored one may have to replace.
fn lock(path: &Path) -> Result<Option<File>, BackupError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| file_error(path, error))?,
    };
    // SQLite locks single bytes of the file. This lock is refused if any byte is locked.
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
            Err(BackupError::InUse(path.to_owned()))
        }
        Err(error) => Err(file_error(path, error.into())),
    }
}

/// Gives the new file the mode and the owner of the old one: the server may run as another user than the one who
/// restores.
fn keep_owner(old: &File, new: &Path) -> io::Result<()> {
    let (old, created) = (old.metadata()?, new.metadata()?);
    if (old.uid(), old.gid()) != (created.uid(), created.gid()) {
        chown(new, Some(old.uid()), Some(old.gid()))?;
    }
    fs::set_permissions(new, old.permissions())
}

/// A database that has another name for now, with its logs.
struct Moved {
    path: PathBuf,
    kept: PathBuf,
    /// What was renamed, by the ends of the names.
    suffixes: Vec<&'static str>,
}

impl Moved {
    /// Renames the database and its logs, so that SQLite can still open them together under the new name. If this is
    /// interrupted, there is no database, which a server refuses: a file with another one's log would be worse.
    fn away(path: &Path, now: Timestamp) -> Result<Self, BackupError> {
        let stamp = now.utc().format("%Y%m%dT%H%M%S%.6fZ");
        let mut moved = Self {
            path: path.to_owned(),
            kept: beside(path, &format!("{PREVIOUS}{stamp}")),
            suffixes: Vec::new(),
        };
        for suffix in [&[""], &LOGS[..]].concat() {
            match fs::rename(beside(path, suffix), beside(&moved.kept, suffix)) {
                Ok(()) => moved.suffixes.push(suffix),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(moved.back(beside(path, suffix), error)),
            }
        }
        // It is only an index of the `-wal` file.
        match fs::remove_file(beside(path, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(moved.back(beside(path, "-shm"), error))
            }
            _ => Ok(moved),
        }
    }

    /// Gives the files their names again, the database last, after this error with a file.
    fn back(self, failed: PathBuf, error: io::Error) -> BackupError {
        for suffix in self.suffixes.iter().rev() {
            let back = fs::rename(beside(&self.kept, suffix), beside(&self.path, suffix));
            if back.is_err() {
                return BackupError::Away(failed, error, self.kept);
            }
        }
        BackupError::File(failed, error)
    }

    /// The name that the database has now; `None` if there was none.
    fn kept(self) -> Option<PathBuf> {
        (!self.suffixes.is_empty()).then_some(self.kept)
    }
}

/// Writes the names in a folder to the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
