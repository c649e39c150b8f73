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
use crate::settings::DatabaseUrl;

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
/// the `-wal` file beside it belongs to another one, and for writing if the file is damaged. Neither is changed
/// then.
pub(super) fn open(
    url: &DatabaseUrl,
    mode: OpenMode,
) -> Result<(Arc<SessionSql>, Option<Arc<SqliteFile>>), DbError> {
    let DatabaseUrl::Sqlite(name) = url else {
        return Ok((Arc::new(conn::session_sql(url, mode)?), None));
    };
    let path = resolve(name);
    let fault = Fault::default();
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
