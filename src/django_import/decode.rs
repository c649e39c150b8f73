//! Decodes one cell of a foreign row. Cells are read as the bytes of their text.

use super::report::RefusalReason;
use super::time;
use crate::clock::Timestamp;

/// A cell's bytes; `None` for NULL.
pub(super) type RawCell = Option<Vec<u8>>;

/// The columns of a row in a JSON array; `None` for NULL.
pub(super) type JsonRow = Vec<Option<String>>;

/// The rows in a cell that is a JSON array of arrays.
pub(super) fn json_rows(cell: RawCell) -> Result<Vec<JsonRow>, RefusalReason> {
    match text(cell)? {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(&text).map_err(|_| RefusalReason::NotUtf8),
    }
}

/// The cell's text. NUL is refused on both databases, since PostgreSQL cannot store it.
pub(super) fn text(cell: RawCell) -> Result<Option<String>, RefusalReason> {
    let Some(bytes) = cell else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| RefusalReason::NotUtf8)?;
    if text.contains('\0') {
        return Err(RefusalReason::Nul);
    }
    Ok(Some(text))
}

/// The cell's time; `None` for NULL.
pub(super) fn timestamp(cell: RawCell) -> Result<Option<Timestamp>, RefusalReason> {
    match text(cell)? {
        None => Ok(None),
        Some(text) => time::parse(&text)
            .map(Some)
            .ok_or(RefusalReason::UnreadableTime),
    }
}

/// The cell's boolean; false for NULL. Django's databases write 1 and 0, or true and false; tables of
/// other programs have further spellings.
pub(super) fn boolean(cell: RawCell) -> Result<bool, RefusalReason> {
    let Some(text) = text(cell)? else {
        return Ok(false);
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" | "" => Ok(false),
        _ => Err(RefusalReason::NotBoolean),
    }
}

/// The cell as a message shows it: short and on one line.
pub(super) fn displayed(cell: &RawCell) -> String {
    const MAX_LENGTH: usize = 40;
    match cell {
        None => "NULL".to_owned(),
        Some(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let mut displayed: String = text
                .chars()
                .take(MAX_LENGTH)
                .flat_map(char::escape_debug)
                .collect();
            if text.chars().nth(MAX_LENGTH).is_some() {
                displayed.push('…');
            }
            displayed
        }
    }
}
