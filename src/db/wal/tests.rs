use std::fs;

use diesel::connection::SimpleConnection as _;

use super::*;
use crate::clock::Clock;
use crate::database_epoch::RestoreMark;
use crate::db::tests::{count, database, insert, settings, write_once};
use crate::db::{Conn, Database, backup, restore};
use crate::restore::end_what_was_restored;
use crate::settings::DatabaseUrl;

/// What somebody does with a database, and its name.
type Operation = (&'static str, fn(&Database));

/// Has SQLite write its log into the file and begin it anew, so that the next transaction is its first.
fn begin_log_anew(path: &Path) {
    let mut conn = connect_with(path, "mode=rw").unwrap();
    let checkpoint = "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)";
    conn.batch_execute(checkpoint).unwrap();
}

/// Asserts that each transaction in the log may follow the one before it, and the first one the file.
fn assert_log_follows(path: &Path, what: &str) {
    check(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (header, _) = header(path).unwrap();
    let content = WalContent::read(&beside(path, "-wal")).unwrap_or_default();
    let mut last = header.state;
    for state in content.states {
        assert!(state.may_follow(last), "{what}: {state:?} after {last:?}");
        last = state;
    }
}

/// Copies the file, and the log if `with_log`.
fn copy(path: &Path, folder: &Path, with_log: bool) -> PathBuf {
    let copy = folder.join("copy.sqlite3");
    fs::copy(path, &copy).unwrap();
    if with_log {
        fs::copy(beside(path, "-wal"), beside(&copy, "-wal")).unwrap();
    }
    copy
}

fn statement_that_fails(database: &Database) {
    let failed = database
        .write_blocking(|conn| Ok::<_, DbError>(sql_query("SELECT x FROM missing").execute(conn)?));
    assert!(failed.is_err());
}

fn probe(database: &Database) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    assert!(runtime.block_on(database.is_ready()).unwrap());
}

fn end_what_a_backup_has(database: &Database) {
    let now = Clock::system().now();
    end_what_was_restored(database, &mut RestoreMark::open(None), now).unwrap();
}

#[test]
fn every_transaction_is_marked_once_whatever_was_before_it() {
    let operations: [Operation; 7] = [
        ("nothing", |database| {
            database.write_blocking(|_| Ok::<_, DbError>(())).unwrap();
        }),
        ("a change", |database| {
            let email = format!("{}@example.com", count(database));
            write_once(database, |conn| insert(conn, &email));
        }),
        ("a change that is undone", |database| {
            let undone: Result<(), DbError> = database.write_blocking(|conn| {
                insert(conn, "nobody@example.com")?;
                Err(DbError::Interrupted)
            });
            assert!(undone.is_err());
        }),
        ("a statement that fails", statement_that_fails),
        ("a check", |database| database.check_writable().unwrap()),
        ("a probe", probe),
        ("restored", end_what_a_backup_has),
    ];
    let (folder, database) = database();
    let path = folder.path().join("test.sqlite3");
    for (before, first) in operations {
        for (name, second) in operations {
            first(&database);
            begin_log_anew(&path);
            second(&database);
            assert_log_follows(&path, &format!("{name} after {before}"));
        }
    }
}

#[test]
fn every_migration_is_marked_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite3");
    let settings = settings(DatabaseUrl::Sqlite(path.clone()));
    let database = Database::open_or_create(&settings).unwrap();
    let mut migrations = database.migrations().unwrap();
    loop {
        begin_log_anew(&path);
        let Some(name) = migrations.apply_next().unwrap() else {
            break;
        };
        assert_log_follows(&path, &name);
    }
}

#[test]
fn a_restored_file_is_marked_as_any_other() {
    let (folder, database) = database();
    let path = folder.path().join("test.sqlite3");
    let settings = settings(DatabaseUrl::Sqlite(path.clone()));
    let copy = folder.path().join("copy.sqlite3");
    begin_log_anew(&path);
    backup(&settings, &copy).unwrap();
    assert_log_follows(&path, "a backup");
    database.close().unwrap();
    restore(&settings, &copy, Clock::system().now()).unwrap();
    let database = Database::open(&settings).unwrap();
    assert_log_follows(&path, "a restore");
    end_what_a_backup_has(&database);
    assert_log_follows(&path, "restored");
}

/// The readiness probe of an earlier version, after a write had failed.
fn probe_of_an_earlier_version(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            TransactionMark::write(conn)?;
            conn.batch_execute("INSERT INTO space_probe VALUES (randomblob(131072))")
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => unreachable!(),
    }
}

#[test]
fn a_log_that_begins_with_two_marks_of_an_earlier_version_is_used() {
    let (folder, database) = database();
    let path = folder.path().join("test.sqlite3");
    begin_log_anew(&path);
    write_once(&database, probe_of_an_earlier_version);
    write_once(&database, |conn| insert(conn, "ada@example.com"));
    check(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    let killed = settings(DatabaseUrl::Sqlite(copy(&path, other.path(), true)));
    let killed = Database::open(&killed).unwrap();
    assert_eq!(count(&killed), 1);
    // The file of another database is still refused.
    let (other, another) = crate::db::tests::database();
    write_once(&another, |conn| insert(conn, "olive@example.com"));
    begin_log_anew(&other.path().join("test.sqlite3"));
    fs::copy(beside(&path, "-wal"), other.path().join("test.sqlite3-wal")).unwrap();
    assert!(check(&other.path().join("test.sqlite3")).is_err());
}

/// A probe of this version and another transaction before it raise the number as much.
#[test]
fn a_log_that_begins_with_a_probe_after_another_transaction_is_refused() {
    let (folder, database) = database();
    let path = folder.path().join("test.sqlite3");
    begin_log_anew(&path);
    let other = tempfile::tempdir().unwrap();
    let earlier = copy(&path, other.path(), false);
    write_once(&database, |conn| insert(conn, "ada@example.com"));
    statement_that_fails(&database);
    begin_log_anew(&path);
    probe(&database);
    fs::copy(beside(&path, "-wal"), beside(&earlier, "-wal")).unwrap();
    let first = WalContent::read(&beside(&path, "-wal")).unwrap().states[0];
    let (header, _) = header(&earlier).unwrap();
    assert!(first.mark.may_follow_twice(header.state.mark));
    assert!(check(&earlier).is_err());
}
