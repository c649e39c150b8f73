//! The values of columns that have few of them, with the number of rows of each.

use std::fmt;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable};

use super::decode::RawCell;
use super::error::ImportError;
use crate::db::source::{ForeignDatabase, quote_identifier};

/// A column with more values is none of a status.
const MOST_VALUES: u64 = 60;
/// A report lists no more values of a column that no option names.
const FEW_VALUES: usize = 12;
/// Characters of a value that are shown.
const MOST_SHOWN: usize = 40;

/// The values of a column, each with the number of its rows. `None`: no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnValues(pub(super) Vec<(Option<String>, u64)>);

#[derive(QueryableByName)]
struct ValueRow {
    #[diesel(sql_type = Nullable<Binary>)]
    cell: RawCell,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl ColumnValues {
    /// Reads the values of a column of a quoted table; `None` if it has more than sixty.
    pub(super) fn read(
        source: &mut ForeignDatabase,
        table: &str,
        column: &str,
    ) -> Result<Option<Self>, ImportError> {
        let text = source.as_text(&quote_identifier(column));
        // It ends at the first value too many.
        let some = format!(
            "(SELECT DISTINCT {text} AS v FROM {table} LIMIT {}) AS d",
            MOST_VALUES + 1
        );
        if source.count(&some).map_err(ImportError::Source)? > MOST_VALUES {
            return Ok(None);
        }
        let cell = source.as_bytes(Some("v"), "cell");
        let query = format!(
            "SELECT {cell}, number FROM (SELECT {text} AS v, count(*) AS number FROM {table} GROUP BY 1) AS d \
             ORDER BY number DESC, v"
        );
        let mut values = Vec::new();
        source.for_each_batch(&query, 100, ImportError::Source, |rows: Vec<ValueRow>| {
            values.extend(rows.into_iter().map(|row| {
                let text = row
                    .cell
                    .map(|cell| String::from_utf8_lossy(&cell).into_owned());
                (text, row.number.unsigned_abs())
            }));
            Ok(())
        })?;
        let found = Self(values);
        // Many different values are names of people, or texts.
        Ok((found.are_few() || found.are_common()).then_some(found))
    }

    /// Whether there are at most a dozen.
    pub(super) fn are_few(&self) -> bool {
        self.0.len() <= FEW_VALUES
    }

    /// The texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(text, _)| text.as_deref())
    }

    /// Whether the values are those of flags, or numbers of one digit, which are no secrets.
    pub(super) fn are_flags(&self) -> bool {
        const FLAGS: [&str; 8] = ["f", "false", "n", "no", "t", "true", "y", "yes"];
        self.texts().all(|text| {
            let is_digit = text.len() == 1 && text.chars().all(|c| c.is_ascii_digit());
            text.is_empty() || is_digit || FLAGS.contains(&text.to_lowercase().as_str())
        })
    }

    /// Whether the values are few and repeat, so that they are no secrets and no names of people.
    pub(super) fn repeat(&self) -> bool {
        self.are_few() && self.are_common()
    }

    /// Whether most values are those of several rows.
    fn are_common(&self) -> bool {
        let rows: u64 = self.0.iter().map(|(_, number)| number).sum();
        rows >= 2 * u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for ColumnValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (text, number)) in self.0.iter().enumerate() {
            let separator = if at > 0 { ", " } else { "" };
            match text.as_deref() {
                None => write!(f, "{separator}no value ({number})")?,
                Some("") => write!(f, "{separator}empty ({number})")?,
                Some(text) => {
                    let shown: String = text.chars().take(MOST_SHOWN).collect();
                    write!(f, "{separator}{} ({number})", shown.escape_debug())?;
                }
            }
        }
        Ok(())
    }
}
