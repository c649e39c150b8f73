//! How long a request waits for its turn to write while the purge runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use vestibule::db::DbError;
use vestibule::purge::{purge_expired_at, purge_if_due};

use super::{PurgeTest, RETENTION};
use crate::support::database::TestDatabase;

const EXPIRED: i64 = 30_000;
/// Many times the twenty milliseconds that a step of the purge takes, since other tests use the processor too.
const LONGEST_WAIT: Duration = Duration::from_millis(700);

/// SQLite has one writer at a time, so only there a purge keeps others waiting.
#[tokio::test]
async fn a_large_purge_lets_requests_write() {
    if TestDatabase::is_postgres_run() {
        return;
    }
    let test = PurgeTest::new();
    // The app itself purges nothing for an hour.
    purge_if_due(&test.app.database, &RETENTION).await.unwrap();
    let insert = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {EXPIRED}) \
         INSERT INTO sessions (id, user_id, workos_sid, workos_refresh_token, created_at, expires_at) \
         SELECT printf('expired-%06d', i), {}, printf('session_%06d', i), zeroblob(80), \
         '2020-01-01 00:00:00', '2020-01-02 00:00:00' FROM n",
        test.user_id
    );
    test.app
        .change(|conn| diesel::sql_query(insert).execute(conn));
    let done = Arc::new(AtomicBool::new(false));
    let (database, purged) = (test.app.database.clone(), Arc::clone(&done));
    let now = test.app.now();
    let purging = tokio::spawn(async move {
        let began = Instant::now();
        let deleted = purge_expired_at(&database, &RETENTION, now).await;
        purged.store(true, Ordering::SeqCst);
        (deleted.unwrap().sessions, began.elapsed())
    });
    let mut waits = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let began = Instant::now();
        let write = test.app.database.write(|conn| {
            let statement = "UPDATE users SET last_login = last_login";
            diesel::sql_query(statement)
                .execute(conn)
                .map_err(DbError::from)
        });
        write.await.unwrap();
        waits.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (deleted, took) = purging.await.unwrap();
    assert_eq!(deleted as i64, EXPIRED);
    waits.sort();
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "{deleted} rows in {took:?}; {} writes waited {median:?}, at most {longest:?}",
        waits.len()
    );
    assert!(longest < LONGEST_WAIT, "{longest:?} of {took:?}");
    assert!(median < LONGEST_WAIT / 10, "{median:?} of {took:?}");
}
