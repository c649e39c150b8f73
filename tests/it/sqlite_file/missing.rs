//! A database file that is not in its place although there was one.

use std::fs;
use std::path::{Path, PathBuf};

use super::{beside, emails, kill, run, sign_in, site, stop};
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::site::Site;

/// What `vestibule restore` calls the previous file.
const KEPT: &str = ".before-restore-20261130T010203.000000Z";

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = names
        .map(|name| (name.clone(), fs::read(name).unwrap()))
        .collect();
    files.sort();
    files
}

/// Runs the commands that would create or use an empty database.
fn assert_nothing_is_created(database: &TestDatabase, trace: &str) {
    let folder = database.sqlite_path().parent().unwrap();
    let before = files(folder);
    for arguments in [
        &["migrate"][..],
        &["migrate", "--check"],
        &["runserver"],
        &["restored"],
        &["backup", "backup.sqlite3"],
    ] {
        run(database, arguments).exits_with(1).reports_one_error(&[
            "is missing",
            trace,
            "vestibule restore FILE",
        ]);
    }
    let check = run(database, &["check"]).exits_with(1);
    assert!(
        check.stderr.contains("database.E003") && check.stderr.contains(trace),
        "{check:#?}"
    );
    assert!(files(folder) == before, "something was changed");
}

/// `vestibule restore` was killed after each of its steps, and systemd runs `migrate` before it starts the server again.
#[tokio::test]
async fn no_empty_database_is_created_after_a_restore_that_was_killed() {
    let Some(first) = site() else { return };
    sign_in(&first, "ada@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    let database = stop(first);
    run(&database, &["backup", copy]).exits_with(0);
    let first = Site::on(database, &[]);
    sign_in(&first, "olive@example.com").await;
    let mut database = kill(first);
    let path = database.sqlite_path().to_owned();
    let both = ["ada@example.com", "olive@example.com"];

    let steps = ["", "-wal"].map(|suffix| {
        (
            beside(&path, suffix),
            beside(&path, &format!("{KEPT}{suffix}")),
        )
    });
    for done in 1..=steps.len() {
        for (from, to) in &steps[..done] {
            fs::rename(from, to).unwrap();
        }
        assert_nothing_is_created(&database, "test.sqlite3");
        // As the message says: everything is still there.
        for (from, to) in &steps[..done] {
            fs::rename(to, from).unwrap();
        }
        let site = Site::on(database, &[]);
        sign_in(&site, "ada@example.com").await;
        database = kill(site);
    }
    // Or the restore is repeated.
    fs::rename(&steps[0].0, &steps[0].1).unwrap();
    let output = run(&database, &["restore", copy]).exits_with(0);
    assert_eq!(emails(&path), ["ada@example.com"]);
    let log = output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("The previous file is kept as "));
    let log = PathBuf::from(format!("{}-wal", log.unwrap().trim_end_matches('.')));
    fs::rename(log, &steps[1].1).unwrap();
    assert_eq!(emails(&steps[0].1), both);
}

#[test]
fn each_trace_of_a_database_is_enough() {
    for trace in ["-wal", "-journal", ".heartbeat", KEPT] {
        let database = TestDatabase::sqlite();
        let trace = beside(database.sqlite_path(), trace);
        fs::write(&trace, "made up").unwrap();
        assert_nothing_is_created(&database, trace.to_str().unwrap());
        // An empty file is none.
        if !trace.ends_with("test.sqlite3-journal") {
            fs::write(database.sqlite_path(), "").unwrap();
            assert_nothing_is_created(&database, trace.to_str().unwrap());
            fs::remove_file(database.sqlite_path()).unwrap();
        }
        fs::remove_file(trace).unwrap();
        run(&database, &["migrate"]).exits_with(0);
    }
}

/// The state is on another volume than the database, which is not mounted.
#[test]
fn the_mark_in_the_state_directory_is_a_trace() {
    let (database, state) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    let mark = state.path().join("database-heartbeat");
    fs::write(&mark, "2026-11-30T01:02:03Z\n").unwrap();
    let migrate = || {
        Program::with_settings(&["migrate"])
            .env("DATABASE_URL", database.url())
            .env("STATE_DIRECTORY", state.path().to_str().unwrap())
            .run()
    };
    migrate()
        .exits_with(1)
        .reports_one_error(&["is missing", mark.to_str().unwrap()]);
    assert!(!database.sqlite_path().exists());
    fs::remove_file(mark).unwrap();
    migrate().exits_with(0);
}
