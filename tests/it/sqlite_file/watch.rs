//! A file that is replaced, and a log that grows, while a server runs.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use reqwest::StatusCode;

use super::{beside, run, sign_in, site};
use crate::support::readings::becomes_true;

#[tokio::test]
async fn a_server_whose_file_was_moved_or_replaced_writes_nothing_and_is_not_ready() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let path = site.database_path().to_owned();
    let away = beside(&path, ".away");
    let status = async || site.visitor().get("/readyz").await.status();
    assert_eq!(status().await, StatusCode::OK);

    fs::rename(&path, &away).unwrap();
    assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
    let refused = site.visitor().sign_in("olive@example.com").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.program
        .wait_for_log(|line| line.contains("ERROR") && line.contains("was deleted or moved"));

    fs::copy(&away, &path).unwrap();
    assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);

    fs::rename(&away, &path).unwrap();
    assert_eq!(status().await, StatusCode::OK);
    site.program.wait_for_log(|line| line.contains("is back"));
    sign_in(&site, "olive@example.com").await;
}

#[tokio::test]
async fn a_server_whose_file_was_overwritten_writes_nothing_into_it() {
    let Some(site) = site() else { return };
    let path = site.database_path().to_owned();
    let copy = beside(&path, ".copy");
    sign_in(&site, "ada@example.com").await;
    fs::copy(&path, &copy).unwrap();
    sign_in(&site, "olive@example.com").await;
    open(&path)
        .batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    sign_in(&site, "ada@example.com").await;
    fs::copy(&copy, &path).unwrap();
    let is_refused = async || {
        let ready = site.visitor().get("/readyz").await;
        ready.status() == StatusCode::SERVICE_UNAVAILABLE
    };
    assert!(becomes_true(is_refused).await);
    site.program
        .wait_for_log(|line| line.contains("ERROR") && line.contains("was overwritten"));
    let refused = site.visitor().sign_in("ada@example.com").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.program.signal("TERM");
    let (program, database) = site.into_parts();
    program.wait().exits_with(1);
    assert!(fs::read(&path).unwrap() == fs::read(&copy).unwrap());
    run(&database, &["runserver"])
        .exits_with(1)
        .reports_one_error(&["-wal belongs to another database"]);
}

#[tokio::test]
async fn a_log_that_a_reader_lets_grow_is_told_and_cut_afterwards() {
    const MEGABYTE: u64 = 1 << 20;
    let Some(site) = site() else { return };
    let path = site.database_path().to_owned();
    let length = || fs::metadata(beside(&path, "-wal")).map_or(0, |file| file.len());
    let mut reader = open(&path);
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM users")
        .unwrap();
    open(&path)
        .batch_execute(
            "CREATE TABLE filler AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
             WHERE i < 70) SELECT zeroblob(1048576) AS x FROM n",
        )
        .unwrap();
    let line = site
        .program
        .wait_for_log(|line| line.contains("-wal has grown to"));
    assert!(
        line.contains("WARN") && line.contains("a reader keeps"),
        "{line}"
    );
    assert!(length() > 64 * MEGABYTE);
    // The site still works.
    sign_in(&site, "ada@example.com").await;
    reader.batch_execute("COMMIT").unwrap();
    assert!(becomes_true(|| std::future::ready(length() < MEGABYTE)).await);
    site.program
        .wait_for_log(|line| line.contains("-wal has been shortened"));
}

fn open(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    conn
}
