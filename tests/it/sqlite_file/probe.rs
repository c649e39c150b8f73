//! The probe for space on the disk, which writes into the file.

use reqwest::StatusCode;

use super::left_over_log::checkpoint;
use super::{emails, kill, query, sign_in, site};
use crate::support::readings::becomes_true;
use crate::support::site::Site;

/// After a write has failed, the readiness probe writes. Here it is the first to write after SQLite began its log anew,
/// as when the server has shortened the log after a full disk.
#[tokio::test]
async fn a_log_that_begins_with_a_probe_is_that_of_its_file() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let path = site.database_path().to_owned();
    let failing = "CREATE TRIGGER failing BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'made up'); END";
    query(&path, failing);
    let refused = site.visitor().sign_in("olive@example.com").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    query(&path, "DROP TRIGGER failing");
    checkpoint(&path);
    let is_ready = async || site.visitor().get("/readyz").await.status() == StatusCode::OK;
    assert!(becomes_true(is_ready).await);
    let database = kill(site);
    let site = Site::on(database, &[]);
    sign_in(&site, "olive@example.com").await;
    let database = kill(site);
    assert_eq!(
        emails(database.sqlite_path()),
        ["ada@example.com", "olive@example.com"]
    );
}
