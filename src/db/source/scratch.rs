//! A temporary database for rows that come from a file, so that they can be read like another application's
//! database.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::{ForeignDatabase, quote_identifier};
use crate::db::conn::Conn;
use crate::db::error::DbError;

/// A temporary SQLite database. SQLite creates its file when the rows no longer fit into its cache, readable
/// by its owner only, and removes its name at once: nothing is left, however this process ends.
pub struct ScratchDatabase {
    conn: SqliteConnection,
    /// The tables and columns that refer to other tables.
    references: Vec<(String, String)>,
}

/// A column of a table in a [`ScratchDatabase`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchColumn {
    /// The name, not quoted.
    pub name: String,
    /// The table that the column refers to.
    pub references: Option<String>,
}

/// A value in a [`ScratchDatabase`].
#[derive(Clone, Debug, PartialEq)]
pub enum ScratchValue {
    /// NULL.
    Null,
    /// A whole number, or a boolean as 0 or 1.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A text.
    Text(String),
}

impl ScratchDatabase {
    /// Creates an empty database.
    pub fn create() -> Result<Self, DbError> {
        let unusable = |error: &dyn std::fmt::Display| {
            DbError::Unavailable(format!("no temporary database can be created: {error}"))
        };
        let mut conn = SqliteConnection::establish("").map_err(|error| unusable(&error))?;
        // Without a journal: a statement that fails ends the import. Without foreign keys: a dump has objects in
        // any order, and may lack those that others refer to.
        conn.batch_execute(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
        )
        .map_err(|error| unusable(&error))?;
        Ok(Self {
            conn,
            references: Vec::new(),
        })
    }

    /// Creates a table. The first column is the primary key. The columns have no types, so that every
    /// value is stored as it is.
    pub fn create_table(&mut self, table: &str, columns: &[ScratchColumn]) -> Result<(), DbError> {
        let referring = columns.iter().filter(|column| column.references.is_some());
        let referring = referring.map(|column| (table.to_owned(), column.name.clone()));
        self.references.extend(referring);
        let columns = columns.iter().enumerate().map(|(number, column)| {
            let name = quote_identifier(&column.name);
            let key = if number == 0 { " PRIMARY KEY" } else { "" };
            let references = column.references.as_deref().map(quote_identifier);
            let references =
                references.map_or_else(String::new, |table| format!(" REFERENCES {table}"));
            format!("{name}{key}{references}")
        });
        let columns: Vec<String> = columns.collect();
        let table = quote_identifier(table);
        self.run(&format!("CREATE TABLE {table} ({})", columns.join(", ")))
    }

    /// Adds a row with a value for each column. Returns false if another row has the same key.
    pub fn insert(&mut self, table: &str, values: Vec<ScratchValue>) -> Result<bool, DbError> {
        let marks = vec!["?"; values.len()].join(", ");
        let statement = format!("INSERT INTO {} VALUES ({marks})", quote_identifier(table));
        let mut query = sql_query(statement).into_boxed::<Sqlite>();
        for value in values {
            query = match value {
                ScratchValue::Null => query.bind::<Nullable<Text>, _>(None::<String>),
                ScratchValue::Integer(number) => query.bind::<BigInt, _>(number),
                ScratchValue::Real(number) => query.bind::<Double, _>(number),
                ScratchValue::Text(text) => query.bind::<Text, _>(text),
            };
        }
        match query.execute(&mut self.conn) {
            Ok(_) => Ok(true),
            Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a unique index to a column in which no value repeats.
    pub fn index_if_unique(&mut self, table: &str, column: &str) -> Result<(), DbError> {
        #[derive(QueryableByName)]
        struct Repeated {
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        let index = index_name(table, column);
        let (table, column) = (quote_identifier(table), quote_identifier(column));
        // A statement that fails cannot be undone.
        let repeated = sql_query(format!(
            "SELECT count({column}) - count(DISTINCT {column}) AS number FROM {table}"
        ));
        if repeated.get_result::<Repeated>(&mut self.conn)?.number == 0 {
            self.run(&format!(
                "CREATE UNIQUE INDEX {index} ON {table} ({column})"
            ))?;
        }
        Ok(())
    }

    /// Runs a statement.
    pub fn run(&mut self, statement: &str) -> Result<(), DbError> {
        self.conn.batch_execute(statement).map_err(DbError::from)
    }

    /// The database for reading. Its foreign keys have indexes, as Django's have: the rows of each account are looked up
    /// by them.
    pub fn into_source(mut self) -> Result<ForeignDatabase, DbError> {
        for (table, column) in std::mem::take(&mut self.references) {
            let index = index_name(&table, &column);
            let (table, column) = (quote_identifier(&table), quote_identifier(&column));
            self.run(&format!(
                "CREATE INDEX IF NOT EXISTS {index} ON {table} ({column})"
            ))?;
        }
        self.run("COMMIT; PRAGMA query_only = ON; BEGIN")?;
        Ok(ForeignDatabase {
            conn: Conn::Sqlite(self.conn),
        })
    }
}

fn index_name(table: &str, column: &str) -> String {
    quote_identifier(&format!("{table} {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_can_be_read_as_those_of_another_database() {
        let column = |name: &str, references: Option<&str>| ScratchColumn {
            name: name.to_owned(),
            references: references.map(str::to_owned),
        };
        let mut scratch = ScratchDatabase::create().unwrap();
        let columns = [column("id", None), column("a \"b", None)];
        scratch.create_table("people", &columns).unwrap();
        let columns = [column("id", None), column("person_id", Some("people"))];
        scratch.create_table("pets", &columns).unwrap();
        let text = |text: &str| ScratchValue::Text(text.to_owned());
        let row = |key| vec![ScratchValue::Integer(key), text("1e5")];
        assert!(scratch.insert("people", row(7)).unwrap());
        assert!(!scratch.insert("people", row(7)).unwrap());
        assert!(
            scratch
                .insert("people", vec![text("b"), ScratchValue::Null])
                .unwrap()
        );
        let mut source = scratch.into_source().unwrap();
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = Text)]
            detail: String,
        }
        // Each person has its pets without a search through all of them.
        let plan = "EXPLAIN QUERY PLAN SELECT (SELECT count(*) FROM pets AS r WHERE r.person_id = people.id) FROM people";
        let plan = sql_query(plan).load::<Step>(&mut source.conn).unwrap();
        let steps: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
        assert!(
            steps
                .iter()
                .any(|step| step.contains("USING COVERING INDEX")),
            "{steps:?}"
        );
        let table = source.table("PEOPLE").unwrap().unwrap();
        assert_eq!(source.count(&table).unwrap(), 2);
        assert_eq!(source.max_integer(&table, "\"id\"", 100).unwrap(), Some(7));
        let columns = source.columns(&table).unwrap();
        assert_eq!(
            (columns[0].is_key, columns[1].name.as_str()),
            (true, "a \"b")
        );
    }
}
