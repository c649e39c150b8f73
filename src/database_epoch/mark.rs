//! The mark: the latest heartbeat of the database, kept outside of it.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::DateTime;

use crate::clock::Timestamp;

/// The latest heartbeat, in memory and in a file.
#[derive(Clone, Debug)]
pub struct RestoreMark {
    file: Option<PathBuf>,
    latest: Option<Timestamp>,
    /// Whether the file could not be written the last time.
    failing: bool,
}

impl RestoreMark {
    /// Reads the mark from its file. `None`: there is no file, and the mark is kept in memory.
    pub fn open(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_owned),
            latest: file.and_then(read),
            failing: false,
        }
    }

    /// The latest heartbeat that is known.
    pub fn latest(&self) -> Option<Timestamp> {
        // Other servers on this machine write the same file.
        let in_file = self.file.as_deref().and_then(read);
        self.latest.max(in_file)
    }

    /// Keeps a heartbeat that is in the database.
    pub fn write(&mut self, heartbeat: Timestamp) {
        self.latest = Some(heartbeat);
        let Some(file) = &self.file else { return };
        // A reader never sees half of it.
        let new = file.with_added_extension(std::process::id().to_string());
        let written = write_private(&new, heartbeat).and_then(|()| std::fs::rename(&new, file));
        if let (Err(error), false) = (&written, self.failing) {
            log::warn!(
                "failed to write {}: {error}; without it a restored backup is only noticed while servers run",
                file.display()
            );
        }
        self.failing = written.is_err();
    }
}

/// Creates a file that only this user can read, as the SQLite file beside it.
fn write_private(file: &Path, heartbeat: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    writeln!(options.open(file)?, "{heartbeat}")
}

fn read(file: &Path) -> Option<Timestamp> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let time = DateTime::parse_from_rfc3339(text.trim()).ok();
            time.map(|time| Timestamp::from(time.to_utc()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            log::warn!("failed to read {}: {error}", file.display());
            None
        }
    }
}
