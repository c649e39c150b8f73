//! Two copies of one file that were both used, so that both have other transactions with the same numbers.

use std::fs;
use std::path::Path;

use super::left_over_log::{assert_everything_is_refused, checkpoint};
use super::{beside, emails, kill, query, sign_in, site, stop};
use crate::support::site::Site;

/// The number of transactions of vestibule in the file, and in its log if `with_log`.
fn transactions(path: &Path, with_log: bool) -> i64 {
    let copy = beside(path, ".counted");
    fs::copy(path, &copy).unwrap();
    if with_log {
        fs::copy(beside(path, "-wal"), beside(&copy, "-wal")).unwrap();
    }
    let count = "SELECT CAST(user_version AS TEXT) AS text FROM pragma_user_version";
    query(&copy, count)[0].parse().unwrap()
}

#[tokio::test]
async fn a_copy_from_another_course_of_events_is_refused_beside_the_log() {
    let Some(original) = site() else { return };
    sign_in(&original, "ada@example.com").await;
    let database = stop(original);
    let path = database.sqlite_path().to_owned();
    let [common, other] = [".common", ".other"].map(|suffix| beside(&path, suffix));
    fs::copy(&path, &common).unwrap();

    // One branch, with fewer transactions than the other one.
    let site = Site::on(database, &[]);
    sign_in(&site, "olive@example.com").await;
    checkpoint(&path);
    fs::copy(&path, &other).unwrap();
    let database = kill(site);
    assert_eq!(emails(&other), ["ada@example.com", "olive@example.com"]);

    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    fs::copy(&common, &path).unwrap();
    let site = Site::on(database, &[]);
    for _ in 0..3 {
        sign_in(&site, "ada@example.com").await;
    }
    let database = kill(site);
    let count = transactions(&other, false);
    assert!(transactions(&path, false) < count && count <= transactions(&path, true));

    fs::copy(&other, &path).unwrap();
    assert_everything_is_refused(&database);
    // The log completes the copy from before both.
    fs::copy(&common, &path).unwrap();
    let site = Site::on(database, &[]);
    assert_eq!(emails(&path), ["ada@example.com"]);
    let sessions = query(&path, "SELECT CAST(count(*) AS TEXT) AS text FROM sessions");
    assert_eq!(sessions, ["4"]);
    drop(site);
}
