//! What a column of the source holds: how many rows have a value, a time, or what looks like a secret of a second
//! factor.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable};
use serde_json::Value;

use super::column_patterns::{add_keys, is_base32, is_called_time, is_other_time, recovery_codes};
use super::decode::RawCell;
use super::error::ImportError;
use super::factor_names::{is_called_secret, is_name_of_factor};
use super::values::ColumnValues;
use crate::clock::Timestamp;
use crate::db::source::{ForeignDatabase, quote_identifier};

/// Rows whose values are looked at.
const SAMPLE: usize = 200;

/// Days that stand for no time.
const NO_TIMES: &str = "'0000-00-00', '0001-01-01', '1900-01-01', '1970-01-01'";

/// What a column holds.
#[derive(Clone, Debug)]
pub(super) struct ColumnContent {
    /// The values, if there are at most twelve.
    pub(super) values: Option<ColumnValues>,
    rows: u64,
    /// The rows with a value.
    pub(super) filled: u64,
    kind: ContentKind,
    /// Keys in JSON objects, such as `security.mfa_enabled`, with the rows in which they have a value besides false.
    pub(super) json: BTreeMap<String, u64>,
}

/// What all values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentKind {
    /// Times, of which so many are to come.
    Times { future: u64 },
    /// Times in another notation, such as seconds since 1970, of so many rows.
    OtherTimes { rows: u64 },
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
    /// Reads the column of a quoted table. `is_wanted`: which keys of JSON objects are counted.
    pub(super) fn read(
        source: &mut ForeignDatabase,
        (table, column): (&str, &str),
        is_wanted: fn(&str) -> bool,
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
             FROM (SELECT CASE WHEN substr(v, 1, 10) IN ({NO_TIMES}) THEN '' ELSE v END AS v \
                 FROM (SELECT COALESCE(trim({text}), '') AS v FROM {table}) AS t) AS d",
            count("v <> ''"),
            count(&format!(
                "{time} IS NOT NULL OR v IN ('infinity', '-infinity')"
            )),
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
        let mut found = Self {
            values,
            rows,
            filled,
            kind: ContentKind::Texts,
            json: BTreeMap::new(),
        };
        if times > 0 && times * 2 >= filled {
            found.kind = ContentKind::Times { future };
        } else if filled > 0 {
            let texts = sample(source, table, &text)?;
            found.kind = kind_of(&texts);
            if is_called_time(column) && texts.iter().all(|text| is_other_time(text)) {
                let dated = format!("{table} WHERE COALESCE(trim({text}), '') NOT IN ('', '0')");
                let rows = source.count(&dated).map_err(ImportError::Source)?;
                found.kind = ContentKind::OtherTimes { rows };
            } else if texts.iter().any(|text| text.starts_with("{\"")) {
                found.json = json_keys(source, (table, &text), is_wanted)?;
            }
        }
        Ok(found)
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
        if let ContentKind::OtherTimes { rows } = self.kind {
            let without = self.rows - rows;
            return (rows > 0 && without > 0)
                .then(|| format!("{rows} with a time, {without} without"));
        }
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

/// Counts the rows in which a key of a JSON object has a value besides false.
fn json_keys(
    source: &mut ForeignDatabase,
    (table, text): (&str, &str),
    is_wanted: fn(&str) -> bool,
) -> Result<BTreeMap<String, u64>, ImportError> {
    let cell = source.as_bytes(Some("v"), "cell");
    let query =
        format!("SELECT {cell} FROM (SELECT {text} AS v FROM {table}) AS d WHERE v LIKE '{{%'");
    let mut counts = BTreeMap::new();
    source.for_each_batch(
        &query,
        SAMPLE,
        ImportError::Source,
        |rows: Vec<SampleRow>| {
            for cell in rows.into_iter().filter_map(|row| row.cell) {
                let mut keys = BTreeSet::new();
                if let Ok(Value::Object(object)) = serde_json::from_slice(&cell) {
                    add_keys(&object, "", &mut keys);
                }
                for key in keys.into_iter().filter(|key| is_wanted(key)) {
                    *counts.entry(key).or_default() += 1;
                }
            }
            Ok(())
        },
    )?;
    Ok(counts)
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
