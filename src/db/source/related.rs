//! The tables of another application that refer to one of its tables.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use super::{ForeignDatabase, quote_identifier};
use crate::db::conn::Conn;
use crate::db::error::DbError;

/// A column with a foreign key to a table.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct ForeignKey {
    /// The name of the table that has the column; on PostgreSQL with its schema and in quotes if they are
    /// needed.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The name of the column.
    #[diesel(sql_type = Text)]
    pub column: String,
    /// The name of the column that it refers to, which need not be the primary key.
    #[diesel(sql_type = Text)]
    pub referenced: String,
    /// Whether each row of the other table has at most one row with the key.
    #[diesel(sql_type = Bool)]
    pub is_unique: bool,
}

impl ForeignKey {
    /// The name of the table without its schema and without quotes.
    pub fn plain_table(&self) -> &str {
        plain(&self.table)
    }
}

/// A foreign key of one column of a table.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct OutgoingKey {
    /// The name of the column.
    #[diesel(sql_type = Text)]
    pub column: String,
    /// The table that it refers to, named as in [`ForeignKey`].
    #[diesel(sql_type = Text)]
    pub target: String,
    /// The name of the column that it refers to.
    #[diesel(sql_type = Text)]
    pub referenced: String,
}

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The name, as in [`ForeignKey`].
    pub name: String,
    /// The name for use in a statement.
    pub quoted: String,
}

impl TableName {
    /// The name without its schema and without quotes.
    pub fn plain(&self) -> &str {
        plain(&self.name)
    }
}

fn plain(name: &str) -> &str {
    let name = name.rsplit('.').next().unwrap_or(name);
    name.trim_matches('"')
}

impl ForeignDatabase {
    /// The foreign keys of one column to a quoted table, by table and column.
    ///
    /// SQLite from 3.26 on let foreign keys refer to a table `auth_user__old` that no longer exists after Django before
    /// 2.1.5 had changed `auth_user`. Such a key counts as one to `auth_user`.
    pub fn foreign_keys_to(&mut self, table: &str) -> Result<Vec<ForeignKey>, DbError> {
        Ok(match &mut self.conn {
            Conn::Sqlite(conn) => sql_query(
                "SELECT t.name AS \"table\", k.\"from\" AS \"column\", \
                 coalesce(k.\"to\", (SELECT p.name FROM pragma_table_info(?1) AS p WHERE p.pk = 1), 'rowid') \
                 AS referenced, \
                 EXISTS (SELECT 1 FROM pragma_index_list(t.name) AS i WHERE i.\"unique\" = 1 AND i.partial = 0 \
                     AND (SELECT group_concat(c.name, ' ') FROM pragma_index_info(i.name) AS c) = k.\"from\") \
                 OR (SELECT group_concat(c.name, ' ') FROM pragma_table_info(t.name) AS c WHERE c.pk > 0) \
                     = k.\"from\" AS is_unique \
                 FROM sqlite_master AS t, pragma_foreign_key_list(t.name) AS k \
                 WHERE t.type = 'table' AND (k.\"table\" = ?1 COLLATE NOCASE OR (k.\"table\" = ?1 || '__old' COLLATE NOCASE \
                     AND NOT EXISTS (SELECT 1 FROM sqlite_master AS o WHERE o.type = 'table' \
                         AND o.name = k.\"table\" COLLATE NOCASE))) ORDER BY 1, 2",
            )
            .bind::<Text, _>(super::unquote_identifier(table))
            .load(conn)?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => sql_query(
                "SELECT k.conrelid::regclass::text AS \"table\", a.attname::text AS \"column\", \
                 r.attname::text AS referenced, \
                 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisunique \
                     AND i.indpred IS NULL AND i.indnatts = 1 AND i.indkey[0] = k.conkey[1]) AS is_unique \
                 FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
                 JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1] \
                 WHERE k.contype = 'f' AND k.confrelid = to_regclass($1) AND array_length(k.conkey, 1) = 1 \
                 ORDER BY 1, 2",
            )
            .bind::<Text, _>(table)
            .load(conn)?,
        })
    }

    /// The foreign keys of one column that a quoted table has.
    pub fn foreign_keys_of(&mut self, table: &str) -> Result<Vec<OutgoingKey>, DbError> {
        Ok(match &mut self.conn {
            Conn::Sqlite(conn) => sql_query(
                "SELECT k.\"from\" AS \"column\", coalesce(t.name, k.\"table\") AS target, \
                 coalesce(k.\"to\", (SELECT p.name FROM pragma_table_info(t.name) AS p WHERE p.pk = 1), 'rowid') \
                 AS referenced \
                 FROM pragma_foreign_key_list(?1) AS k \
                 LEFT JOIN sqlite_master AS t ON t.type = 'table' AND (t.name = k.\"table\" COLLATE NOCASE \
                     OR (t.name || '__old' = k.\"table\" COLLATE NOCASE \
                     AND NOT EXISTS (SELECT 1 FROM sqlite_master AS o WHERE o.type = 'table' \
                         AND o.name = k.\"table\" COLLATE NOCASE))) \
                 WHERE (SELECT count(*) FROM pragma_foreign_key_list(?1) AS o WHERE o.id = k.id) = 1 ORDER BY 1, 2",
            )
            .bind::<Text, _>(super::unquote_identifier(table))
            .load(conn)?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => sql_query(
                "SELECT a.attname::text AS \"column\", k.confrelid::regclass::text AS target, \
                 r.attname::text AS referenced \
                 FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
                 JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1] \
                 WHERE k.contype = 'f' AND k.conrelid = to_regclass($1) AND array_length(k.conkey, 1) = 1 \
                 ORDER BY 1, 2",
            )
            .bind::<Text, _>(table)
            .load(conn)?,
        })
    }

    /// The tables, by name, without views and those of the database itself.
    pub fn tables(&mut self) -> Result<Vec<TableName>, DbError> {
        Ok(match &mut self.conn {
            Conn::Sqlite(conn) => {
                let names: Vec<super::Name> = sql_query(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' \
                     ORDER BY 1",
                )
                .load(conn)?;
                let named = names.into_iter().map(|table| TableName {
                    quoted: quote_identifier(&table.name),
                    name: table.name,
                });
                named.collect()
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                let names: Vec<super::Name> = sql_query(
                    "SELECT t.oid::regclass::text AS name FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
                     WHERE t.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                     AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1",
                )
                .load(conn)?;
                // `regclass` has quoted them.
                let named = names.into_iter().map(|table| TableName {
                    quoted: table.name.clone(),
                    name: table.name,
                });
                named.collect()
            }
        })
    }

    /// Whether a quoted name is that of a view, to which no foreign key can refer.
    pub fn is_view(&mut self, table: &str) -> Result<bool, DbError> {
        let found: Vec<super::Name> = match &mut self.conn {
            Conn::Sqlite(conn) => sql_query(
                "SELECT name FROM sqlite_master WHERE type = 'view' AND name = ?1 COLLATE NOCASE",
            )
            .bind::<Text, _>(super::unquote_identifier(table))
            .load(conn)?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => sql_query(
                "SELECT relname::text AS name FROM pg_class \
                 WHERE oid = to_regclass($1) AND relkind NOT IN ('r', 'p')",
            )
            .bind::<Text, _>(table)
            .load(conn)?,
        };
        Ok(!found.is_empty())
    }

    /// The name of a table that a foreign key names, quoted for use in a statement.
    pub fn quoted(&self, key: &ForeignKey) -> String {
        match &self.conn {
            Conn::Sqlite(_) => quote_identifier(&key.table),
            // `regclass` has quoted it.
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => key.table.clone(),
        }
    }

    /// An expression for the rows of `tables`, a list of tables with its condition: the text of a JSON
    /// array with an array for each row, in which the columns are texts or null. NULL, or an empty array,
    /// without rows.
    pub fn rows_as_json(&self, columns: &[&str], tables: &str) -> String {
        let columns: Vec<_> = columns.iter().map(|column| self.as_text(column)).collect();
        let columns = columns.join(", ");
        match &self.conn {
            Conn::Sqlite(_) => {
                format!("(SELECT json_group_array(json_array({columns})) FROM {tables})")
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => {
                format!("(SELECT json_agg(json_build_array({columns})) FROM {tables})")
            }
        }
    }
}
