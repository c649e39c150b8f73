//! The sequence of a table's ids.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::conn::Conn;

/// Raises the sequence of the table's ids to at least `floor`; never lowers it. On PostgreSQL a rollback
/// does not undo this.
pub fn bump_sequence(conn: &mut Conn, table: &str, floor: i64) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            let updated =
                diesel::sql_query("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = ?2")
                    .bind::<BigInt, _>(floor)
                    .bind::<Text, _>(table)
                    .execute(conn)?;
            if updated == 0 {
                diesel::sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)")
                    .bind::<Text, _>(table)
                    .bind::<BigInt, _>(floor)
                    .execute(conn)?;
            }
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            diesel::sql_query(
                "SELECT setval(pg_get_serial_sequence($1, 'id'), $2) \
                 WHERE nextval(pg_get_serial_sequence($1, 'id')) <= $2",
            )
            .bind::<Text, _>(table)
            .bind::<BigInt, _>(floor)
            .execute(conn)?;
        }
    }
    Ok(())
}

/// Takes this many new ids of the table from its sequence. On PostgreSQL a rollback does not undo this.
pub fn take_ids(conn: &mut Conn, table: &str, count: usize) -> QueryResult<Vec<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if matches!(conn, Conn::Sqlite(_)) {
        // Inserts the sequence if no row has been inserted yet.
        bump_sequence(conn, table, 0)?;
    }
    match conn {
        Conn::Sqlite(conn) => {
            let statement =
                "UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = ?2 RETURNING seq AS id";
            let last: Id = diesel::sql_query(statement)
                .bind::<BigInt, _>(count)
                .bind::<Text, _>(table)
                .get_result(conn)?;
            Ok((last.id - count + 1..=last.id).collect())
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            let statement = "SELECT nextval(pg_get_serial_sequence($1, 'id')) AS id \
                             FROM generate_series(1, $2)";
            let ids: Vec<Id> = diesel::sql_query(statement)
                .bind::<Text, _>(table)
                .bind::<BigInt, _>(count)
                .load(conn)?;
            Ok(ids.into_iter().map(|row| row.id).collect())
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}
