//! One cell of a foreign row, read as text.

use super::report::RefusalReason;
use super::time;
use crate::clock::Timestamp;

/// A cell's bytes, `None` for NULL.
pub(super) type RawCell = Option<Vec<u8>>;

/// The cell's text; PostgreSQL takes no NUL, so nobody does.
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

/// The cell's moment; an empty one is none.
pub(super) fn moment(cell: RawCell) -> Result<Option<Timestamp>, RefusalReason> {
    match text(cell)? {
        None => Ok(None),
        Some(text) => time::parse(&text).map(Some).ok_or(RefusalReason::NoTime),
    }
}

/// The cell's yes or no: SQLite writes 1 and 0, PostgreSQL true and false.
pub(super) fn flag(cell: RawCell, absent: bool) -> Result<bool, RefusalReason> {
    match text(cell)?.as_deref() {
        None => Ok(absent),
        Some("1" | "true" | "t") => Ok(true),
        Some("0" | "false" | "f") => Ok(false),
        Some(_) => Err(RefusalReason::NoFlag),
    }
}

/// The cell as a message may show it: short, on one line.
pub(super) fn shown(cell: &RawCell) -> String {
    const LONGEST: usize = 40;
    match cell {
        None => "NULL".to_owned(),
        Some(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let mut shown: String = text
                .chars()
                .take(LONGEST)
                .flat_map(char::escape_debug)
                .collect();
            if text.chars().nth(LONGEST).is_some() {
                shown.push('…');
            }
            shown
        }
    }
}
