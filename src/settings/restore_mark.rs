//! Where the mark is kept by which a restored database is recognized.

use std::path::PathBuf;

use super::database_url::DatabaseUrl;
use super::reader::Reader;

/// The name of the file in `STATE_DIRECTORY`.
const FILE_NAME: &str = "database-heartbeat";

/// The file in systemd's `STATE_DIRECTORY`, or else beside the SQLite file.
pub(super) fn restore_mark_file(
    reader: &mut Reader<'_>,
    database: &DatabaseUrl,
) -> Option<PathBuf> {
    // systemd writes several directories with colons between them.
    let state = reader.optional("STATE_DIRECTORY", "the path of a directory", |list| {
        list.split(':').next().map(PathBuf::from)
    });
    match (state, database) {
        (Some(directory), _) => Some(directory.join(FILE_NAME)),
        (None, DatabaseUrl::Sqlite(path)) => Some(path.with_added_extension("heartbeat")),
        (None, DatabaseUrl::Postgres(_)) => None,
    }
}
