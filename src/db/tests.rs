use std::task::{Context, Waker};

use diesel::prelude::*;

use super::schema::users;
use super::*;
use crate::clock::Clock;

pub(in crate::db) fn settings(url: DatabaseUrl) -> DatabaseSettings {
    DatabaseSettings {
        url,
        pool_size: 1,
        restore_mark_file: None,
    }
}

/// A new, migrated SQLite database for a test, and the folder that contains it.
pub(crate) fn database() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("test.sqlite3"));
    let database = Database::open_or_create(&settings(url)).unwrap();
    let mut migrations = database.migrations().unwrap();
    while migrations.apply_next().unwrap().is_some() {}
    (folder, database)
}

/// Runs queries in a transaction that nothing else is in the way of.
pub(crate) fn write_once<T>(
    database: &Database,
    queries: impl FnOnce(&mut Conn) -> QueryResult<T>,
) -> T {
    let mut queries = Some(queries);
    let written = database.write_blocking(|conn| {
        let queries = queries.take().unwrap();
        Ok::<_, DbError>(queries(conn)?)
    });
    written.unwrap()
}

pub(in crate::db) fn insert(conn: &mut Conn, email: &str) -> QueryResult<usize> {
    diesel::insert_into(users::table)
        .values((
            users::email.eq(email),
            users::email_key.eq(email),
            users::password.eq("!"),
            users::date_joined.eq(Clock::system().now()),
        ))
        .execute(conn)
}

pub(in crate::db) fn count(database: &Database) -> i64 {
    database
        .read_blocking(|conn| Ok::<_, DbError>(users::table.count().get_result(conn)?))
        .unwrap()
}

#[test]
fn migrations_are_pending_until_they_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("test.sqlite3"));
    let settings = settings(url);
    let database = Database::open_or_create(&settings).unwrap();
    let mut migrations = database.migrations().unwrap();
    let pending = migrations.pending().unwrap();
    assert_eq!(pending[0], "2026-11-21-000001_create_users");
    for name in &pending {
        assert_eq!(migrations.apply_next().unwrap().as_ref(), Some(name));
    }
    assert_eq!(migrations.apply_next().unwrap(), None);
    assert!(migrations.pending().unwrap().is_empty());
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |source: &str| {
        let mut names: Vec<_> = std::fs::read_dir(format!(
            "{}/migrations/{source}",
            env!("CARGO_MANIFEST_DIR")
        ))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn a_missing_file_is_an_error_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.sqlite3");
    let settings = settings(DatabaseUrl::Sqlite(path.clone()));
    let error = Database::open(&settings).err().unwrap();
    assert!(matches!(error, DbError::Missing(_)), "{error}");
    assert!(error.to_string().contains("vestibule migrate"));
    assert!(!path.exists());
}

#[test]
fn an_error_rolls_back_the_whole_transaction() {
    let (_folder, database) = database();
    let result: Result<(), DbError> = database.write_blocking(|conn| {
        insert(conn, "a@example.com")?;
        Err(DbError::Interrupted)
    });
    assert!(result.is_err());
    assert_eq!(count(&database), 0);
}

#[test]
fn a_unique_violation_does_not_abort_the_transaction() {
    let (_folder, database) = database();
    let written: Result<_, DbError> = database.write_blocking(|conn| {
        insert(conn, "a@example.com")?;
        let again = conn::on_unique_violation(conn, |conn| insert(conn, "a@example.com"))?;
        insert(conn, "b@example.com")?;
        Ok(again)
    });
    assert_eq!(written.unwrap(), None);
    assert_eq!(count(&database), 2);
}

/// A log-out that was acknowledged survives a power cut: SQLite's level FULL is 2, NORMAL is 1.
#[test]
fn a_transaction_is_on_the_disk_before_it_is_acknowledged() {
    #[derive(QueryableByName)]
    struct Synchronous {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        synchronous: i32,
    }
    let (_folder, database) = database();
    let level: Result<Synchronous, DbError> = database
        .write_blocking(|conn| Ok(diesel::sql_query("PRAGMA synchronous").get_result(conn)?));
    assert_eq!(level.unwrap().synchronous, 2);
}

#[test]
fn readers_cannot_write() {
    let (_folder, database) = database();
    let result = database.read_blocking(|conn| Ok::<_, DbError>(insert(conn, "a@example.com")?));
    assert!(result.is_err());
}

#[test]
fn concurrent_writers_wait_and_no_write_is_lost() {
    let (_folder, database) = database();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let database = &database;
            scope.spawn(move || {
                for turn in 0..10 {
                    let written: Result<_, DbError> = database.write_blocking(|conn| {
                        let _: i64 = users::table.count().get_result(conn)?;
                        Ok(insert(conn, &format!("{thread}-{turn}@example.com"))?)
                    });
                    written.unwrap();
                }
            });
        }
    });
    assert_eq!(count(&database), 80);
}

/// When a client disconnects, the future of its request is dropped.
#[tokio::test]
async fn a_dropped_future_still_commits_its_transaction() {
    let (_folder, database) = database();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    // `write` may run its closure again, so that the closure must be one that can be cloned.
    let may_go = Arc::new(parking_lot::Mutex::new(may_go));
    let write = database.write(move |conn| {
        begun.send(()).unwrap();
        may_go.lock().recv().unwrap();
        insert(conn, "a@example.com").map_err(DbError::from)
    });
    {
        let mut write = Box::pin(write);
        let polled = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        has_begun.recv().unwrap();
    }
    go.send(()).unwrap();
    // The next writer waits for the only connection, which the abandoned transaction uses.
    database.write(|_| Ok::<_, DbError>(())).await.unwrap();
    assert_eq!(count(&database), 1);
}

/// A check that nobody waits for any more.
#[test]
fn damage_that_is_found_late_ends_the_use_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.sqlite3");
    let url = DatabaseUrl::Sqlite(path.clone());
    let settings = settings(url);
    let database = Database::open_or_create(&settings).unwrap();
    let file = database.file.clone().unwrap();
    database.check_writable().unwrap();

    let damaged = folder.path().join("other.sqlite3");
    std::fs::write(&damaged, "These are notes and no database. ".repeat(100)).unwrap();
    // It usually returns before the check does.
    drop(integrity::check(&damaged, Duration::ZERO, file.fault()));
    let began = std::time::Instant::now();
    while file.fault().get().is_none() {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
    let error = database.check_writable().unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert!(database.close().is_err());
}
