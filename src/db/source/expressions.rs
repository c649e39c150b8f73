//! Expressions of SQL for values of unknown types.

use super::ForeignDatabase;
use crate::db::conn::Conn;

impl ForeignDatabase {
    /// An expression for the text of a quoted column of any type.
    pub fn as_text(&self, column: &str) -> String {
        match &self.conn {
            Conn::Sqlite(_) => format!("CAST({column} AS TEXT)"),
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => format!("{column}::text"),
        }
    }

    /// An expression for the time in a text, as `2026-11-21 19:10:09` in UTC, so that times can be compared as texts;
    /// NULL if there is none. A date alone is the beginning of its day.
    pub fn as_utc_time(&self, text: &str) -> String {
        match &self.conn {
            Conn::Sqlite(_) => {
                let date = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*";
                format!("CASE WHEN {text} GLOB '{date}' THEN datetime({text}) END")
            }
            // PostgreSQL writes the times of its own types in UTC here.
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => {
                let time = "[ T][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+]00(:?00)?)?";
                let pattern = format!("^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}({time})?$");
                format!(
                    "CASE WHEN {text} ~ '{pattern}' THEN left(replace({text}, 'T', ' ') || ' 00:00:00', 19) END"
                )
            }
        }
    }

    /// An expression that selects a quoted column, or another expression, of any type as the bytes of its text,
    /// under the name `name`. No value in the column can then make the query fail.
    pub fn as_bytes(&self, column: Option<&str>, name: &str) -> String {
        match (&self.conn, column) {
            (Conn::Sqlite(_), None) => format!("NULL AS {name}"),
            (Conn::Sqlite(_), Some(column)) => format!("CAST({column} AS BLOB) AS {name}"),
            #[cfg(feature = "postgres")]
            (Conn::Postgres(_), None) => format!("NULL::bytea AS {name}"),
            #[cfg(feature = "postgres")]
            (Conn::Postgres(_), Some(column)) => {
                format!("convert_to({column}::text, 'UTF8') AS {name}")
            }
        }
    }
}
