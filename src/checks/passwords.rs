//! A check of the blocklist of passwords.

use super::report::{CheckLevel, CheckMessage};
use crate::accounts::passwords::validators::PasswordValidator;
use crate::settings::Settings;

/// Finds a blocklist that cannot be searched.
pub(super) fn blocklist(settings: &Settings) -> Option<CheckMessage> {
    let path = settings.password_blocklist_file.as_deref()?;
    let error = PasswordValidator::new(Some(path)).err()?;
    Some(CheckMessage::new(
        "passwords.E001",
        CheckLevel::Error,
        format!(
            "PASSWORD_BLOCKLIST_FILE, `{}`, cannot be used: {error}.",
            path.display().to_string().escape_debug()
        ),
        "Name a file of SHA-1 hashes in hexadecimal digits, one on each line, sorted by hash, such as Have I Been Pwned's downloader writes it, or unset PASSWORD_BLOCKLIST_FILE.",
    ))
}
