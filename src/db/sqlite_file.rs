//! SQLite's file on the disk: whether its path still leads to it, and the files that SQLite keeps beside it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::conn::{self, OpenMode};
use super::error::DbError;
use super::integrity::{self, Fault};
use super::session_sql::SessionSql;
use super::wal::{self, beside};
use crate::settings::{DatabaseSettings, DatabaseUrl};

/// In the name of a file that `vestibule restore` has moved away.
pub(super) const PREVIOUS: &str = ".before-restore-";
/// As many symbolic links in a row as SQLite follows.
const MOST_LINKS: usize = 100;

/// The file that the connections of a [`Database`](super::Database) have open.
pub(super) struct SqliteFile {
    /// As the setting names it; it may be a symbolic link.
    name: PathBuf,
    /// The file itself, beside which SQLite keeps `-wal`.
    path: PathBuf,
    id: FileId,
    fault: Fault,
}

/// What tells a file from another one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// Opens a first connection, which shows whether the database can be used, and closes it. Refuses SQLite's file if
/// it is missing and there was one, if the `-wal` file beside it belongs to another one, and for writing if the file is
/// damaged. Nothing is changed then.
pub(super) fn open(
    settings: &DatabaseSettings,
    mode: OpenMode,
) -> Result<(Arc<SessionSql>, Option<Arc<SqliteFile>>), DbError> {
    let DatabaseUrl::Sqlite(name) = &settings.url else {
        return Ok((Arc::new(conn::session_sql(&settings.url, mode)?), None));
    };
    let path = resolve(name);
    let fault = Fault::default();
    refuse_if_lost(&path, settings.restore_mark_file.as_deref())?;
    wal::check(&path)?;
    if mode != OpenMode::ReadOnly {
        integrity::check(&path, integrity::LONGEST_DELAY, &fault)?;
    }
    let sql = conn::session_sql(&DatabaseUrl::Sqlite(path.clone()), mode)?;
    // The connections that are used are opened later, so they open this file, unless it is replaced after this
    // line.
    let id = FileId::of(&path).map_err(|_| DbError::Missing(path.clone()))?;
    let file = SqliteFile {
        name: name.clone(),
        path,
        id,
        fault,
    };
    Ok((Arc::new(sql), Some(Arc::new(file))))
}

/// The file that a path leads to, which need not exist: the target of a symbolic link. SQLite keeps its other files
/// beside it, and not beside the link.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path.pop();
        path.push(target);
    }
    path
}

/// Fails if the file is missing or empty, and there are traces of a database: an empty one would take its place, and
/// SQLite would delete its log. `mark`: a file that is written while servers run.
pub(super) fn refuse_if_lost(path: &Path, mark: Option<&Path>) -> Result<(), DbError> {
    if !is_missing(path) {
        return Ok(());
    }
    match trace(path, mark) {
        // It is asked again, because another process may have created the database meanwhile.
        Some(trace) if is_missing(path) => Err(DbError::Lost {
            file: path.to_owned(),
            trace,
        }),
        _ => Ok(()),
    }
}

fn is_missing(path: &Path) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    match path.metadata() {
        Ok(file) => file.len() == 0,
        Err(error) => matches!(error.kind(), NotFound | NotADirectory),
    }
}

/// A file that shows that there was a database.
fn trace(path: &Path, mark: Option<&Path>) -> Option<PathBuf> {
    let has_content = |file: &Path| file.metadata().is_ok_and(|file| file.len() > 0);
    let mut traces = previous_files(path);
    traces.push(beside(path, "-wal"));
    // An empty file may have a journal because its creation was interrupted.
    if !path.exists() {
        traces.push(beside(path, "-journal"));
    }
    traces.extend(mark.map(Path::to_owned));
    traces.into_iter().find(|file| has_content(file))
}

/// The files that `vestibule restore` has moved away, the last one first.
fn previous_files(path: &Path) -> Vec<PathBuf> {
    let prefix = beside(path, PREVIOUS);
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.filter(|name| name.as_encoded_bytes().starts_with(prefix));
    let mut files: Vec<_> = names.map(|name| path.with_file_name(name)).collect();
    files.sort_by(|one, other| other.cmp(one));
    files
}

impl SqliteFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Why the file must not be used any more.
    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Fails if the file is faulty, or if the path leads to another file, or to none. Open connections still use
    /// the file that was there before, so what they write would be lost.
    pub(super) fn check_in_place(&self) -> Result<(), DbError> {
        if let Some(fault) = self.fault.get() {
            return Err(DbError::Unavailable(fault.clone()));
        }
        let happened = match FileId::of(&self.name) {
            Ok(id) if id == self.id => return Ok(()),
            Ok(_) => "replaced",
            Err(_) => "deleted or moved",
        };
        let path = self.name.display();
        Err(DbError::Unavailable(format!(
            "{path} was {happened} while this process has it open; nothing is read or written until the process \
             is restarted or the file is back"
        )))
    }

    /// When the file was last modified.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        fs::metadata(&self.path)
            .and_then(|file| file.modified())
            .ok()
    }

    /// The length of the `-wal` file in bytes.
    pub(super) fn wal_bytes(&self) -> u64 {
        fs::metadata(beside(&self.path, "-wal")).map_or(0, |wal| wal.len())
    }
}

impl FileId {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}
