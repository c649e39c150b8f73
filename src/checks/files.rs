//! Checks that other users of the machine cannot read the files that hold secrets.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::report::{CheckLevel, CheckMessage};
use crate::settings::{DatabaseUrl, Settings};

const GROUP_CAN_READ_OR_WRITE: u32 = 0o060;
const GROUP_CAN_WRITE: u32 = 0o020;
const OTHERS_CAN_READ_OR_WRITE: u32 = 0o006;
const OTHERS_CAN_WRITE: u32 = 0o002;

/// Checks `.env` and the files with private keys.
pub(super) fn settings_files(settings: &Settings) -> Vec<CheckMessage> {
    let dotenv = settings.files.dotenv.as_deref().and_then(|path| {
        let problem = exposed(path)?;
        Some(message("settings.W003", path, &problem))
    });
    let keys = settings.files.private_keys.iter().filter_map(|path| {
        let problem = exposed(path)?;
        Some(message("tokens.W002", path, &problem))
    });
    let files = settings
        .files
        .dotenv
        .iter()
        .chain(&settings.files.private_keys);
    let folders = open_folders("settings.W005", files);
    dotenv.into_iter().chain(keys).chain(folders).collect()
}

/// Checks the file of a SQLite database, and the files that SQLite keeps beside it.
pub(super) fn database_files(url: &DatabaseUrl) -> Vec<CheckMessage> {
    let DatabaseUrl::Sqlite(path) = url else {
        return Vec::new();
    };
    let beside = |suffix: &str| {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let files = [path.clone(), beside("-wal"), beside("-shm")];
    let messages = files.iter().filter_map(|path| {
        let problem = exposed(path)?;
        Some(message("database.W002", path, &problem))
    });
    messages
        .chain(open_folders("database.W003", [path]))
        .collect()
}

/// Reports the folders of these files that every user of the machine can write to: they can put another file in
/// the place of one of these, or beside it, such as a `-wal` of SQLite.
fn open_folders<'a>(
    id: &'static str,
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Vec<CheckMessage> {
    let folders = files.into_iter().filter_map(|file| match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Some(Path::new(".")),
        folder => folder,
    });
    let folders: BTreeSet<&Path> = folders.collect();
    let messages = folders.into_iter().filter_map(|folder| {
        let mode = fs::metadata(folder).ok()?.mode() & 0o7777;
        (mode & OTHERS_CAN_WRITE != 0).then(|| {
            let path = folder.display();
            CheckMessage::new(
                id,
                CheckLevel::Warning,
                format!("Every user of this machine can put files into the folder {path} (its mode is {mode:03o})."),
                format!("Run `chmod o-w {path}`, or use a folder of this program's user."),
            )
        })
    });
    messages.collect()
}

fn message(id: &'static str, path: &Path, problem: &str) -> CheckMessage {
    let path = path.display();
    CheckMessage::new(
        id,
        CheckLevel::Warning,
        format!("{path} {problem}."),
        format!("Run `chmod 600 {path}`."),
    )
}

/// How another user of the machine can use the file; `None` if nobody can, or if it does not exist.
///
/// A file of another owner, such as root, may be readable by a group: the group is then how this program
/// reads the file.
fn exposed(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    let group = match own {
        true => GROUP_CAN_READ_OR_WRITE,
        false => GROUP_CAN_WRITE,
    };
    let mode = metadata.mode() & 0o777;
    let exposed = mode & (group | OTHERS_CAN_READ_OR_WRITE);
    (exposed != 0).then(|| {
        format!("can be read or changed by other users of this machine (its mode is {mode:03o})")
    })
}
