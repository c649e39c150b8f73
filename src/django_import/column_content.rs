//! What a column of the source holds: how many rows have a value, a time, or what looks like a secret of a second
//! factor.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable};

use super::decode::RawCell;
use super::error::ImportError;
use super::factor_names::{is_called_secret, is_name_of_factor};
use super::values::ColumnValues;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};

/// Rows whose values are looked at.
const SAMPLE: usize = 200;

/// What a column holds.
#[derive(Clone, Debug)]
pub(super) struct ColumnContent {
    /// The values, if there are at most twelve.
    pub(super) values: Option<ColumnValues>,
    rows: u64,
    /// The rows with a value.
    pub(super) filled: u64,
    kind: ContentKind,
}

/// What all values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentKind {
    /// Times, of which so many are to come.
    Times { future: u64 },
    /// Secrets of authenticator apps: 16 to 64 characters of base32.
    Secrets,
    /// `otpauth://` URLs of such apps, or lists of recovery codes.
    Factors,
    /// Anything else, or nothing.
    Texts,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = BigInt)]
    filled: i64,
    #[diesel(sql_type = BigInt)]
    times: i64,
    #[diesel(sql_type = BigInt)]
    future: i64,
}

#[derive(QueryableByName)]
struct SampleRow {
    #[diesel(sql_type = Nullable<Binary>)]
    cell: RawCell,
}

impl ColumnContent {
    /// Reads the column of a quoted table.
    pub(super) fn read(
        source: &mut ForeignDatabase,
        (table, column): (&str, &str),
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let values = ColumnValues::read(source, table, column)?;
        let text = source.as_text(&quote_identifier(column));
        let time = source.as_utc_time("v");
        let now = now.utc().format("%Y-%m-%d %H:%M:%S");
        let count =
            |condition: &str| format!("COALESCE(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)");
        let query = format!(
            "SELECT count(*) AS number, {} AS filled, {} AS times, {} AS future \
             FROM (SELECT COALESCE(trim({text}), '') AS v FROM {table}) AS d",
            count("v <> ''"),
            count(&format!("{time} IS NOT NULL OR v = 'infinity'")),
            count(&format!("{time} > '{now}' OR v = 'infinity'")),
        );
        let mut counts = [0; 4];
        source.for_each_batch(&query, 1, ImportError::Source, |rows: Vec<CountRow>| {
            for row in rows {
                let found = [row.number, row.filled, row.times, row.future];
                counts = found.map(i64::unsigned_abs);
            }
            Ok(())
        })?;
        let [rows, filled, times, future] = counts;
        let kind = match filled {
            0 => ContentKind::Texts,
            _ if times == filled => ContentKind::Times { future },
            _ => kind_of(&sample(source, table, &text)?),
        };
        Ok(Self {
            values,
            rows,
            filled,
            kind,
        })
    }

    /// The number of times that are to come; `None` if the column has other values.
    pub(super) fn future_times(&self) -> Option<u64> {
        match self.kind {
            ContentKind::Times { future } => Some(future),
            _ => None,
        }
    }

    /// Whether the values are second factors. A secret of every account may be one of something else, unless the
    /// column is called so.
    pub(super) fn holds_factors(&self, name: &str) -> bool {
        match self.kind {
            ContentKind::Factors => true,
            ContentKind::Secrets => self.filled < self.rows || is_called_secret(name),
            _ => false,
        }
    }

    /// Whether the values may have to do with second factors.
    pub(super) fn may_hold_factors(&self) -> bool {
        let values = self.values.iter();
        self.kind == ContentKind::Secrets
            || values.flat_map(ColumnValues::texts).any(is_name_of_factor)
    }

    /// Whether the column may say something of some accounts: it has few values that repeat, or times that not all have.
    pub(super) fn varies(&self) -> bool {
        let values = self.values.as_ref();
        self.times().is_some() || values.is_some_and(|values| values.repeat() && values.0.len() > 1)
    }

    /// What a report says of a column with times that some rows have, or of which some are to come.
    pub(super) fn times(&self) -> Option<String> {
        let future = self.future_times()?;
        let without = self.rows - self.filled;
        if without == 0 && (future == 0 || future == self.filled) {
            return None;
        }
        let line = format!("{} with a time, {without} without", self.filled);
        Some(match future {
            0 => line,
            future => format!("{line}, {future} to come"),
        })
    }

    /// What a report says of the column: its values if there are few that repeat, and are not secret; otherwise the
    /// number of rows with a value.
    pub(super) fn summary(&self, is_secret: bool) -> String {
        if let Some(times) = self.times() {
            return times;
        }
        match &self.values {
            Some(values) if values.repeat() && (!is_secret || values.are_flags()) => {
                values.to_string()
            }
            _ => format!(
                "{} with a value, {} without",
                self.filled,
                self.rows - self.filled
            ),
        }
    }
}

fn sample(
    source: &mut ForeignDatabase,
    table: &str,
    text: &str,
) -> Result<Vec<String>, ImportError> {
    let cell = source.as_bytes(Some("v"), "cell");
    let query = format!(
        "SELECT {cell} FROM (SELECT {text} AS v FROM {table} WHERE COALESCE(trim({text}), '') <> '' LIMIT {SAMPLE}) AS d"
    );
    let mut texts = Vec::new();
    source.for_each_batch(
        &query,
        SAMPLE,
        ImportError::Source,
        |rows: Vec<SampleRow>| {
            let cells = rows.into_iter().filter_map(|row| row.cell);
            texts.extend(cells.map(|cell| String::from_utf8_lossy(&cell).trim().to_owned()));
            Ok(())
        },
    )?;
    Ok(texts)
}

/// What all of these values are. Empty lists and objects are none.
fn kind_of(texts: &[String]) -> ContentKind {
    let mut texts = texts.iter().map(String::as_str);
    let texts: Vec<&str> = texts
        .by_ref()
        .filter(|text| !["[]", "{}", "null"].contains(text))
        .collect();
    let lists: Option<Vec<usize>> = texts.iter().map(|text| recovery_codes(text)).collect();
    if texts.is_empty() {
        ContentKind::Texts
    } else if texts.iter().any(|text| text.starts_with("otpauth://"))
        || lists.is_some_and(|lists| lists.iter().any(|codes| *codes >= 4))
    {
        ContentKind::Factors
    } else if texts.iter().all(|text| is_base32(text))
        && texts
            .iter()
            .any(|text| text.contains(|c: char| c.is_ascii_digit()))
    {
        ContentKind::Secrets
    } else {
        ContentKind::Texts
    }
}

/// Whether a text is a secret of an authenticator app.
fn is_base32(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    (16..=64).contains(&digits.len())
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

/// The number of codes in a list of recovery codes, as JSON or an array of PostgreSQL; `None` if it is none.
fn recovery_codes(text: &str) -> Option<usize> {
    let codes: Vec<String> = match serde_json::from_str(text) {
        Ok(codes) => codes,
        Err(_) => {
            let inside = text.strip_prefix('{')?.strip_suffix('}')?;
            inside.split(',').map(str::to_owned).collect()
        }
    };
    let is_code = |code: &String| {
        let is_hash = code.len() >= 32 && code.contains('$');
        let is_short = (6..=32).contains(&code.len())
            && code.contains(|c: char| c.is_ascii_digit())
            && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_hash || is_short
    };
    codes.iter().all(is_code).then_some(codes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(texts: &[&str]) -> ContentKind {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        kind_of(&texts)
    }

    #[test]
    fn factors_are_told_by_their_values() {
        for texts in [
            &["otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXP"][..],
            &["", "otpauth://totp/x"],
            &[r#"["12345678", "23456789", "a1b2c3d4", "34567890"]"#, "[]"],
            &["{a1b2-c3d4,b2c3-d4e5,c3d4-e5f6,d4e5-f6a7}"],
        ] {
            assert_eq!(kind(texts), ContentKind::Factors, "{texts:?}");
        }
        for texts in [
            &["JBSWY3DPEHPK3PXP"][..],
            &["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "ABCDEFGHIJKLMNOP===="],
        ] {
            assert_eq!(kind(texts), ContentKind::Secrets, "{texts:?}");
        }
        for texts in [
            &[][..],
            &["[]", "{}"],
            &["JBSWY3DPEHPK3PXP", "Ada"],
            &["WOLFESCHLEGELSTEIN"],
            &["JBSWY3DPEHPK3PX0"],
            &["JBSWY3DPEHPK3PX"],
            &[r#"["python", "django", "rust", "sql4"]"#],
            &[r#"["12345678"]"#],
            &["{1,2,3,4,5}"],
            &["[1, 2, 3, 4]"],
        ] {
            assert_eq!(kind(texts), ContentKind::Texts, "{texts:?}");
        }
    }
}
