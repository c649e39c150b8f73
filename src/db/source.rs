//! The database of another application, which `import-django` reads and never writes.

mod expressions;
mod open;
mod related;
mod scratch;

#[cfg(feature = "postgres")]
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::Sqlite;

use super::conn::Conn;
use super::error::DbError;
use crate::settings::DatabaseUrl;
pub use related::{ForeignKey, OutgoingKey, TableName};
pub use scratch::{ScratchColumn, ScratchDatabase, ScratchValue};

/// A row that [`ForeignDatabase::for_each_batch`] can read from either database.
#[cfg(feature = "postgres")]
pub trait ForeignRow: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static {}
#[cfg(feature = "postgres")]
impl<T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static> ForeignRow for T {}

/// A row that [`ForeignDatabase::for_each_batch`] can read.
#[cfg(not(feature = "postgres"))]
pub trait ForeignRow: QueryableByName<Sqlite> + 'static {}
#[cfg(not(feature = "postgres"))]
impl<T: QueryableByName<Sqlite> + 'static> ForeignRow for T {}

/// A snapshot of another application's database.
pub struct ForeignDatabase {
    conn: Conn,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Column {
    /// The name as the database stores it.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Whether the column is part of the primary key.
    #[diesel(sql_type = Bool)]
    pub is_key: bool,
    /// The declared type, in lower case; may be empty in a view.
    #[diesel(sql_type = Text)]
    pub sql_type: String,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl ForeignDatabase {
    /// Opens a snapshot for reading; creates nothing. On SQLite without WAL mode, writers wait until the
    /// snapshot is dropped.
    pub fn open(url: &DatabaseUrl) -> Result<Self, DbError> {
        let conn = match url {
            DatabaseUrl::Sqlite(path) => open::sqlite(path).map(Conn::Sqlite),
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => open::postgres(url).map(Conn::Postgres),
            #[cfg(not(feature = "postgres"))]
            DatabaseUrl::Postgres(_) => Err(DbError::NoPostgres),
        }?;
        Ok(Self { conn })
    }

    /// The quoted name of a table or view, for use in a statement; `None` if it does not exist. On
    /// PostgreSQL `name` may contain the schema and a dot.
    pub fn table(&mut self, name: &str) -> Result<Option<String>, DbError> {
        match &mut self.conn {
            Conn::Sqlite(conn) => {
                let found = sql_query(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
                )
                .bind::<Text, _>(name)
                .load::<Name>(conn)?;
                Ok(found.first().map(|table| quote_identifier(&table.name)))
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                let mut spellings = vec![quote_identifier(name)];
                if let Some((schema, table)) = name.split_once('.') {
                    spellings.push(format!(
                        "{}.{}",
                        quote_identifier(schema),
                        quote_identifier(table)
                    ));
                }
                for spelling in spellings {
                    let found = sql_query("SELECT 'yes' AS name WHERE to_regclass($1) IS NOT NULL")
                        .bind::<Text, _>(&spelling)
                        .load::<Name>(conn)?;
                    if !found.is_empty() {
                        return Ok(Some(spelling));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The columns of a table, which [`table`](Self::table) has quoted.
    pub fn columns(&mut self, table: &str) -> Result<Vec<Column>, DbError> {
        Ok(match &mut self.conn {
            Conn::Sqlite(conn) => {
                sql_query("SELECT name, pk > 0 AS is_key, lower(type) AS sql_type FROM pragma_table_info(?1)")
                    .bind::<Text, _>(unquote_identifier(table))
                    .load(conn)?
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => sql_query(
                "SELECT attname::text AS name, EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid \
                     AND indisprimary AND attnum = ANY (indkey)) AS is_key, \
                     format_type(atttypid, NULL) AS sql_type \
                 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            )
            .bind::<Text, _>(table)
            .load(conn)?,
        })
    }

    /// The first twenty tables, by name, that have both columns.
    pub fn tables_with(&mut self, first: &str, second: &str) -> Result<Vec<String>, DbError> {
        let names: Vec<Name> = match &mut self.conn {
            Conn::Sqlite(conn) => sql_query(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND 2 = \
                     (SELECT count(*) FROM pragma_table_info(sqlite_master.name) AS c WHERE c.name IN (?1, ?2)) \
                 ORDER BY name LIMIT 20",
            )
            .bind::<Text, _>(first)
            .bind::<Text, _>(second)
            .load(conn)?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => sql_query(
                "SELECT CASE WHEN pg_table_is_visible(t.oid) THEN relname ELSE nspname || '.' || relname END AS name \
                 FROM pg_class t JOIN pg_namespace n ON n.oid = relnamespace \
                 WHERE relkind IN ('r', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema') AND 2 = \
                     (SELECT count(*) FROM pg_attribute WHERE attrelid = t.oid AND attname IN ($1, $2)) \
                 ORDER BY 1 LIMIT 20",
            )
            .bind::<Text, _>(first)
            .bind::<Text, _>(second)
            .load(conn)?,
        };
        Ok(names.into_iter().map(|table| table.name).collect())
    }

    /// The number of rows in a quoted table.
    pub fn count(&mut self, table: &str) -> Result<u64, DbError> {
        let query = format!("SELECT count(*) AS number FROM {table}");
        let number = sql_query(query).get_result::<Number>(&mut self.conn)?;
        Ok(number.number.unsigned_abs())
    }

    /// The first ten values, as texts, that a quoted column of a quoted table has more than once.
    pub fn repeated(&mut self, table: &str, column: &str) -> Result<Vec<String>, DbError> {
        let query = format!(
            "SELECT CAST({column} AS text) AS name FROM {table} WHERE {column} IS NOT NULL \
             GROUP BY {column} HAVING count(*) > 1 ORDER BY 1 LIMIT 10"
        );
        let values: Vec<Name> = sql_query(query).load(&mut self.conn)?;
        Ok(values.into_iter().map(|value| value.name).collect())
    }

    /// The largest integer from 1 to `limit` in a quoted column of a quoted table.
    pub fn max_integer(
        &mut self,
        table: &str,
        column: &str,
        limit: i64,
    ) -> Result<Option<i64>, DbError> {
        let integer = match &self.conn {
            Conn::Sqlite(_) => {
                // A column of texts may hold integers too. The longest that fits has 16 digits.
                format!(
                    "CASE WHEN typeof({column}) = 'integer' THEN {column} \
                     WHEN typeof({column}) = 'text' AND length({column}) BETWEEN 1 AND 16 \
                     AND {column} NOT GLOB '*[^0-9]*' THEN CAST({column} AS integer) END"
                )
            }
            // The conditions allow only values that fit, because a failing cast aborts the query.
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => format!(
                "CASE WHEN {column}::text ~ '^[0-9]{{1,19}}$' AND {column}::text::numeric <= {limit} \
                 THEN {column}::text::bigint END"
            ),
        };
        let query = format!(
            "SELECT number FROM (SELECT {integer} AS number FROM {table}) AS keys \
             WHERE number BETWEEN 1 AND {limit} ORDER BY number DESC LIMIT 1"
        );
        let largest = sql_query(query).load::<Number>(&mut self.conn)?;
        Ok(largest.first().map(|row| row.number))
    }

    /// Runs `query` and calls `take` with `size` rows at a time, without more of them in memory.
    /// `unreadable` converts an error of the query.
    pub fn for_each_batch<R: ForeignRow, E>(
        &mut self,
        query: &str,
        size: usize,
        unreadable: impl Fn(DbError) -> E,
        take: impl FnMut(Vec<R>) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.conn {
            Conn::Sqlite(conn) => {
                let rows =
                    sql_query(query).load_iter::<R, diesel::connection::DefaultLoadingMode>(conn);
                let rows = rows.map_err(|error| unreadable(error.into()))?;
                in_batches(rows, size, unreadable, take)
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                let rows = sql_query(query).load_iter::<R, PgRowByRowLoadingMode>(conn);
                let rows = rows.map_err(|error| unreadable(error.into()))?;
                in_batches(rows, size, unreadable, take)
            }
        }
    }

    /// Identifies a table and its server; `None` on SQLite, where the file's path does.
    pub fn identity(&mut self, table: &str) -> Result<Option<String>, DbError> {
        identity(&mut self.conn, table)
    }
}

/// Identifies a table and its server, by the server's start time, the database's id and the table's id.
/// `None` on SQLite.
pub fn identity(conn: &mut Conn, table: &str) -> Result<Option<String>, DbError> {
    match conn {
        Conn::Sqlite(_) => {
            let _ = table;
            Ok(None)
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            let row = sql_query(
                "SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), \
                     (SELECT oid FROM pg_database WHERE datname = current_database()), \
                     to_regclass($1)::oid) AS name",
            )
            .bind::<Text, _>(table)
            .get_result::<Name>(conn)?;
            Ok(Some(row.name))
        }
    }
}

/// Quotes an identifier for use in a statement.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unquote_identifier(name: &str) -> String {
    let inside = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(name).replace("\"\"", "\"")
}

fn in_batches<R, E>(
    rows: impl Iterator<Item = QueryResult<R>>,
    size: usize,
    unreadable: impl Fn(DbError) -> E,
    mut take: impl FnMut(Vec<R>) -> Result<(), E>,
) -> Result<(), E> {
    let mut batch = Vec::with_capacity(size);
    for row in rows {
        batch.push(row.map_err(|error| unreadable(error.into()))?);
        if batch.len() == size {
            take(std::mem::replace(&mut batch, Vec::with_capacity(size)))?;
        }
    }
    if batch.is_empty() {
        Ok(())
    } else {
        take(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_escapes_quotes_within_a_name() {
        assert_eq!(
            quote_identifier(r#"a"; DROP TABLE b; --"#),
            r#""a""; DROP TABLE b; --""#
        );
        assert_eq!(unquote_identifier(&quote_identifier(r#"a"b"#)), r#"a"b"#);
    }
}
