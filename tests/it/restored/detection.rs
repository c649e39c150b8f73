//! A restore of which nobody has told the program is noticed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::StatusCode;
use vestibule::database_epoch::DatabaseEpoch;
use vestibule::db::schema::database_epoch;
use vestibule::tokens::TokenGrant;

use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::program::{Program, ProgramOutput, open_pipe};
use crate::support::readings::becomes_true;
use crate::support::site::Site;

fn epoch(app: &TestApp) -> DatabaseEpoch {
    app.rows(DatabaseEpoch::read)
}

/// The heartbeat of a backup of an hour ago.
fn set_back(app: &TestApp) {
    let then = epoch(app).heartbeat_at.plus(TimeDelta::hours(-1));
    app.change(|conn| {
        diesel::update(database_epoch::table)
            .set(database_epoch::heartbeat_at.eq(then))
            .execute(conn)
    });
}

/// The app with a directory for its state, which the server has written to.
async fn with_mark(folder: &Path) -> (TestApp, PathBuf) {
    let app = TestApp::builder()
        .setting("STATE_DIRECTORY", &folder.display().to_string())
        .start();
    let mark = folder.join("database-heartbeat");
    assert!(
        becomes_true(async || mark.exists()).await,
        "the first heartbeat"
    );
    (app, mark)
}

fn run(app: &TestApp, folder: &Path, arguments: &[&str]) -> ProgramOutput {
    Program::with_settings(arguments)
        .env("DATABASE_URL", app.database_url())
        .env("STATE_DIRECTORY", &folder.display().to_string())
        .run()
}

#[tokio::test]
async fn a_restored_database_is_refused_until_restored_has_run() {
    let folder = tempfile::tempdir().unwrap();
    let (app, mark) = with_mark(folder.path()).await;
    let text = std::fs::read_to_string(&mark).unwrap();
    assert_eq!(text.trim(), epoch(&app).heartbeat_at.to_string());
    run(&app, folder.path(), &["check"]).exits_with(0);

    set_back(&app);
    let until = epoch(&app).heartbeat_at;
    for command in [
        ["check"].as_slice(),
        &["runserver", "--bind", "127.0.0.1:0"],
    ] {
        let refused = run(&app, folder.path(), command).exits_with(1);
        let said = refused.stderr.clone();
        assert!(
            said.contains("database.E002") && said.contains("`vestibule restored`"),
            "{said}"
        );
        assert!(said.contains(&until.to_string()), "{said}");
    }
    let done = run(&app, folder.path(), &["restored"]).exits_with(0);
    assert!(done.stdout.contains(&until.to_string()), "{}", done.stdout);
    run(&app, folder.path(), &["check"]).exits_with(0);
    assert_eq!(epoch(&app).restore_noticed_at, None);
}

#[tokio::test]
async fn a_server_notes_a_restore_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _) = with_mark(folder.path()).await;
    set_back(&app);
    // A server that starts without its checks, as a replica that goes on running.
    let until = epoch(&app).heartbeat_at;
    let replica = app
        .replica()
        .setting("STATE_DIRECTORY", &folder.path().display().to_string())
        .start();
    let noticed = becomes_true(async || epoch(&app).restore_noticed_at == Some(until)).await;
    assert!(noticed);
    drop(replica);
    // Also where nothing is kept outside of the database.
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = run(&app, elsewhere.path(), &["check"]).exits_with(1);
    assert!(
        refused.stderr.contains("database.E002"),
        "{}",
        refused.stderr
    );
}

/// Two servers start at once after a long time. One has written its heartbeat when the other one reads the mark, which
/// is a pipe here, so that this happens at the worst moment.
#[tokio::test]
async fn the_heartbeat_of_another_server_that_starts_is_no_sign_of_a_restore() {
    let own = tempfile::tempdir().unwrap();
    let (app, _) = with_mark(own.path()).await;
    let now = epoch(&app).heartbeat_at;
    set_back(&app);
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("database-heartbeat");
    let made = std::process::Command::new("mkfifo").arg(&mark).status();
    assert!(made.unwrap().success());
    let check = Program::with_settings(&["check"])
        .env("DATABASE_URL", app.database_url())
        .env("STATE_DIRECTORY", &folder.path().display().to_string())
        .start();
    let mut pipe = open_pipe(&mark);
    app.change(|conn| {
        diesel::update(database_epoch::table)
            .set(database_epoch::heartbeat_at.eq(now))
            .execute(conn)
    });
    let next = folder.path().join("next");
    std::fs::write(&next, now.to_string()).unwrap();
    std::fs::rename(&next, &mark).unwrap();
    writeln!(pipe, "{now}").unwrap();
    drop(pipe);
    check.wait().exits_with(0);
}

#[tokio::test]
async fn credentials_without_a_row_are_told_of() {
    let app = TestApp::builder().system_clock().start();
    let ada = app.add_user("ada@example.com", true);
    let backup = app.backup();
    assert!(becomes_true(async || app.visitor().get("/readyz").await.status() == 200).await);
    let token = app.issue_tokens(&ada, TokenGrant::default()).refresh;
    let site = Site::on(backup, &[("SECRET_KEY", SECRET_KEY)]);
    let visitor = site.visitor();
    for _ in 0..3 {
        let refused = visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    let said = site
        .program
        .wait_for_log(|line| line.contains("is not in the database"));
    assert!(said.contains("run `vestibule restored`"), "{said}");
    let lines = site.program.log();
    let times = lines
        .iter()
        .filter(|line| line.contains("is not in the database"));
    assert_eq!(times.count(), 1, "once a minute");
}
