//! A process was killed while SQLite wrote with a rollback journal, as it does until a new or restored file is switched
//! to a log: the next one must undo what the journal describes.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::{beside, emails, query, run, sign_in, site, stop};
use crate::support::database::TestDatabase;
use crate::support::site::Site;

/// The first bytes of a journal that SQLite has written to the disk.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Makes the file and its journal those of a process that was killed in the middle of a transaction.
fn interrupt_transaction(path: &Path) {
    let copy = beside(path, ".writing");
    fs::copy(path, &copy).unwrap();
    let mut conn = SqliteConnection::establish(copy.to_str().unwrap()).unwrap();
    // A transaction that is larger than the cache is written to the file before it ends.
    conn.batch_execute(
        "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 5; BEGIN IMMEDIATE; \
         UPDATE users SET email = 'nobody@example.com'; \
         CREATE TABLE filler AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 70) SELECT zeroblob(8000) AS x FROM n",
    )
    .unwrap();
    fs::copy(&copy, path).unwrap();
    fs::copy(beside(&copy, "-journal"), beside(path, "-journal")).unwrap();
    drop(conn);
    fs::remove_file(copy).unwrap();
    let journal = fs::read(beside(path, "-journal")).unwrap();
    assert_eq!(journal[..8], JOURNAL_MAGIC);
}

/// A file with an account, as a clean stop leaves it.
async fn used_file() -> Option<TestDatabase> {
    let site = site()?;
    sign_in(&site, "ada@example.com").await;
    Some(stop(site))
}

#[tokio::test]
async fn every_command_undoes_a_transaction_that_was_interrupted() {
    let Some(database) = used_file().await else {
        return;
    };
    let (path, folder) = (database.sqlite_path(), tempfile::tempdir().unwrap());
    let backup = folder.path().join("backup.sqlite3");
    let backup = backup.to_str().unwrap();
    for arguments in [
        &["migrate"][..],
        &["migrate", "--check"],
        &["check"],
        &["flushexpiredtokens"],
        &["backup", backup],
        &["restored"],
    ] {
        interrupt_transaction(path);
        run(&database, arguments).exits_with(0);
        assert!(!beside(path, "-journal").exists(), "{arguments:?}");
        assert_eq!(emails(path), ["ada@example.com"], "{arguments:?}");
    }
    assert_eq!(emails(backup.as_ref()), ["ada@example.com"]);
    interrupt_transaction(path);
    let site = Site::on(database, &[]);
    sign_in(&site, "olive@example.com").await;
    let database = stop(site);
    assert_eq!(
        emails(database.sqlite_path()),
        ["ada@example.com", "olive@example.com"]
    );
}

#[tokio::test]
async fn a_file_to_restore_may_have_been_interrupted() {
    let (Some(source), Some(database)) = (used_file().await, used_file().await) else {
        return;
    };
    interrupt_transaction(source.sqlite_path());
    let name = source.sqlite_path().to_str().unwrap();
    run(&database, &["restore", name]).exits_with(0);
    assert_eq!(emails(database.sqlite_path()), ["ada@example.com"]);
}

/// So that the next process need not change the file before it can write a log.
#[test]
fn a_restored_file_is_written_with_a_log_from_the_beginning() {
    let (source, database) = (
        TestDatabase::migrated_sqlite(),
        TestDatabase::migrated_sqlite(),
    );
    let name = source.sqlite_path().to_str().unwrap();
    // A migration is missing, so that nothing but `restore` opens the file.
    query(
        source.sqlite_path(),
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    run(&database, &["restore", name]).exits_with(0);
    // The numbers of the versions that write and read it, in its header.
    assert_eq!(fs::read(database.sqlite_path()).unwrap()[18..20], [2, 2]);
    assert!(!beside(database.sqlite_path(), "-wal").exists());
}
