//! Where the mark is kept by which a restored database is recognized.

use std::path::PathBuf;

use super::database_url::DatabaseUrl;
use super::reader::Reader;
use super::source::Source;

/// The name of the file in `STATE_DIRECTORY`.
const FILE_NAME: &str = "database-heartbeat";

/// Reads the place of the mark alone, for `restored`; see
/// [`Settings::restore_mark_file`](super::Settings::restore_mark_file).
pub fn restore_mark_file(source: &Source, database: &DatabaseUrl) -> Option<PathBuf> {
    mark_file(&mut Reader::new(source), database)
}

/// The file in systemd's `STATE_DIRECTORY`, or else beside the SQLite file.
pub(super) fn mark_file(reader: &mut Reader<'_>, database: &DatabaseUrl) -> Option<PathBuf> {
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
