//! SQLite's file on the disk: whether its path still leads to it, and the files that SQLite keeps beside it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::conn::{self, OpenMode};
use super::error::DbError;
use super::session_sql::SessionSql;
use super::wal::{self, beside};
use crate::settings::DatabaseUrl;

/// The file that the connections of a [`Database`](super::Database) have open.
pub(super) struct SqliteFile {
    path: PathBuf,
    id: FileId,
}

/// What tells a file from another one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// Opens a first connection, which shows whether the database can be used, and closes it. Refuses SQLite's file if
/// the `-wal` file beside it belongs to another one.
pub(super) fn open(
    url: &DatabaseUrl,
    mode: OpenMode,
) -> Result<(Arc<SessionSql>, Option<Arc<SqliteFile>>), DbError> {
    if let DatabaseUrl::Sqlite(path) = url {
        wal::check(path)?;
    }
    let sql = Arc::new(conn::session_sql(url, mode)?);
    let DatabaseUrl::Sqlite(path) = url else {
        return Ok((sql, None));
    };
    // The connections that are used are opened later, so they open this file, unless it is replaced after this
    // line.
    let id = FileId::of(path).map_err(|_| DbError::Missing(path.to_owned()))?;
    let path = path.to_owned();
    Ok((sql, Some(Arc::new(SqliteFile { path, id }))))
}

impl SqliteFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if the path leads to another file, or to none. Open connections still use the file that was there
    /// before, so what they write would be lost.
    pub(super) fn check_in_place(&self) -> Result<(), DbError> {
        let happened = match FileId::of(&self.path) {
            Ok(id) if id == self.id => return Ok(()),
            Ok(_) => "replaced",
            Err(_) => "deleted or moved",
        };
        let path = self.path.display();
        Err(DbError::Unavailable(format!(
            "{path} was {happened} while this process has it open; nothing is read or written until the process \
             is restarted or the file is back"
        )))
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
