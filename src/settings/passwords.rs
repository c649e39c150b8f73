//! The settings of passwords that commands read without the others.

use std::path::PathBuf;

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;

/// Reads `PASSWORD_BLOCKLIST_FILE` alone, for the commands that set passwords.
pub fn password_blocklist_file(source: &Source) -> Option<PathBuf> {
    blocklist_file(&mut Reader::new(source))
}

/// Reads `ARGON2_MAX_MEMORY` alone, for `import-django`.
pub fn argon2_max_memory(source: &Source) -> Result<u32, SettingsError> {
    let mut reader = Reader::new(source);
    let memory = argon2_memory(&mut reader);
    reader.finish(memory)
}

pub(super) fn argon2_memory(reader: &mut Reader<'_>) -> u32 {
    reader.number("ARGON2_MAX_MEMORY", &128, 128..=256)
}

pub(super) fn blocklist_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    reader.optional(
        "PASSWORD_BLOCKLIST_FILE",
        "the path of a file of SHA-1 hashes, sorted by hash",
        |path| Some(PathBuf::from(path)),
    )
}
