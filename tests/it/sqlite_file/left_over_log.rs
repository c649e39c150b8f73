//! What a server does with files that are not as a clean stop leaves them.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::{beside, emails, kill, query, run, sign_in, site, stop};
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::site::Site;

/// Overwrites a page of the table of migrations.
pub(super) fn damage(path: &Path) {
    let page = "SELECT CAST(rootpage AS TEXT) AS text FROM sqlite_master WHERE name = 'sessions'";
    let page: u64 = query(path, page)[0].parse().unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0x5a; 200], (page - 1) * 4096).unwrap();
}

#[tokio::test]
async fn a_clean_stop_leaves_one_file() {
    for _ in 0..3 {
        let Some(site) = site() else { return };
        sign_in(&site, "ada@example.com").await;
        let mut busy = Vec::new();
        for _ in 0..8 {
            let visitor = site.visitor();
            busy.push(tokio::spawn(async move {
                let target = "/auth/login?next=/account";
                // The server ends while this is running, so it may fail.
                for _ in 0..20 {
                    let request = visitor.request(reqwest::Method::GET, target).send();
                    if request.await.is_err() {
                        break;
                    }
                }
            }));
        }
        let database = stop(site);
        for one in busy {
            one.await.unwrap();
        }
        let path = database.sqlite_path();
        for suffix in ["-wal", "-shm"] {
            assert!(!beside(path, suffix).exists(), "{suffix}");
        }
        assert_eq!(emails(path), ["ada@example.com"]);
    }
}

/// An operator copies a backup over the file of a server that was killed, and leaves its log there.
#[tokio::test]
async fn a_backup_beside_the_log_of_another_file_is_refused_and_not_changed() {
    // With a backup by this program, and with one by SQLite's own function.
    for with_command in [true, false] {
        let Some(site) = site() else { return };
        sign_in(&site, "ada@example.com").await;
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.sqlite3");
        let path = site.database_path().to_owned();
        if with_command {
            let url = format!("sqlite:{}", path.display());
            let arguments = ["backup", copy.to_str().unwrap()];
            let backup = Program::new(&arguments).env("DATABASE_URL", &url);
            backup.run().exits_with(0);
        } else {
            // It counts the versions of the schema anew.
            query(&copy, "CREATE TABLE t (x)");
            query(&copy, "PRAGMA schema_version = 1");
        }
        sign_in(&site, "olive@example.com").await;
        let database = kill(site);
        fs::copy(&copy, &path).unwrap();
        let before = fs::read(&path).unwrap();
        assert_everything_is_refused(&database);
        assert_eq!(fs::read(&path).unwrap(), before);
        if with_command {
            run(&database, &["restore", copy.to_str().unwrap()]).exits_with(0);
            assert_eq!(emails(&path), ["ada@example.com"]);
        }
    }
}

/// Runs every command that would write to the database.
pub(super) fn assert_everything_is_refused(database: &TestDatabase) {
    let (path, other) = (database.sqlite_path(), TestDatabase::migrated_sqlite());
    let files = || [path.to_owned(), beside(path, "-wal")].map(|file| fs::read(file).unwrap());
    let before = files();
    for arguments in [
        &["runserver"][..],
        &["migrate"],
        &["restored"],
        &["flushexpiredtokens"],
        &["logout", "ada@example.com"],
        &["deactivate", "ada@example.com"],
        &["activate", "ada@example.com"],
        &["resettotp", "ada@example.com"],
        &["import-django", "--from", other.url()],
        &["backup", "backup.sqlite3"],
    ] {
        run(database, arguments)
            .exits_with(1)
            .reports_one_error(&["-wal belongs to another database", "restore FILE"]);
    }
    let check = run(database, &["check"]).exits_with(1);
    let told = format!("{}{}", check.stdout, check.stderr);
    assert!(told.contains("-wal belongs to another"), "{told}");
    assert!(files() == before, "the database or its log was changed");
}

/// An operator copies the file of a running server with `cp`, and copies it back after the server was killed. SQLite
/// has written its log into the file and begun it anew in the meantime.
#[tokio::test]
async fn an_earlier_copy_of_the_same_file_is_refused_beside_the_log() {
    let Some(site) = site() else { return };
    let path = site.database_path().to_owned();
    let copy = beside(&path, ".copy");
    sign_in(&site, "ada@example.com").await;
    checkpoint(&path);
    fs::copy(&path, &copy).unwrap();
    sign_in(&site, "olive@example.com").await;
    checkpoint(&path);
    sign_in(&site, "ada@example.com").await;
    let database = kill(site);
    let original = fs::read(&path).unwrap();
    fs::copy(&copy, &path).unwrap();
    assert_everything_is_refused(&database);
    // The log is that of the file that was there.
    fs::write(&path, original).unwrap();
    let site = Site::on(database, &[]);
    assert_eq!(emails(&path), ["ada@example.com", "olive@example.com"]);
    drop(site);
}

/// The log has everything that was written since, so nothing is lost.
#[tokio::test]
async fn a_copy_beside_a_log_that_was_not_begun_anew_is_completed_by_it() {
    let Some(site) = site() else { return };
    let path = site.database_path().to_owned();
    let copy = beside(&path, ".copy");
    sign_in(&site, "ada@example.com").await;
    fs::copy(&path, &copy).unwrap();
    sign_in(&site, "olive@example.com").await;
    let database = kill(site);
    fs::copy(&copy, &path).unwrap();
    let site = Site::on(database, &[]);
    assert_eq!(emails(&path), ["ada@example.com", "olive@example.com"]);
    drop(site);
}

/// An operator backs up, upgrades and goes back: the log begins with a migration.
#[test]
fn a_backup_from_just_before_the_log_is_refused() {
    let database = TestDatabase::migrated_sqlite();
    let path = database.sqlite_path();
    let copy = beside(path, ".copy");
    run(&database, &["backup", copy.to_str().unwrap()]).exits_with(0);
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let migration =
        "PRAGMA journal_mode = WAL; BEGIN; ALTER TABLE users ADD COLUMN made_up TEXT; COMMIT";
    conn.batch_execute(migration).unwrap();
    let log = fs::read(beside(path, "-wal")).unwrap();
    drop(conn);
    fs::copy(&copy, path).unwrap();
    fs::write(beside(path, "-wal"), log).unwrap();
    assert_everything_is_refused(&database);
}

/// Has SQLite write its log into the file and begin it anew, as it does by itself after a thousand pages.
pub(super) fn checkpoint(path: &Path) {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let checkpoint = "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)";
    conn.batch_execute(checkpoint).unwrap();
    assert_eq!(fs::metadata(beside(path, "-wal")).unwrap().len(), 0);
}

#[tokio::test]
async fn the_log_of_a_killed_server_is_used() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let database = kill(site);
    let site = Site::on(database, &[]);
    sign_in(&site, "olive@example.com").await;
    let database = kill(site);
    assert_eq!(
        emails(database.sqlite_path()),
        ["ada@example.com", "olive@example.com"]
    );
}

#[test]
fn a_damaged_file_is_refused_and_not_changed() {
    let database = TestDatabase::migrated_sqlite();
    damage(database.sqlite_path());
    let before = fs::read(database.sqlite_path()).unwrap();
    for arguments in [&["runserver"][..], &["migrate"], &["flushexpiredtokens"]] {
        run(&database, arguments)
            .exits_with(1)
            .reports_one_error(&["is damaged", "vestibule restore FILE"]);
    }
    assert_eq!(fs::read(database.sqlite_path()).unwrap(), before);
}
