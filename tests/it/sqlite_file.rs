//! SQLite's file: backups, logs that are left over, damage, and a file that changes under a server.
//! These tests do not depend on the database of the run, and run once, with SQLite.

mod backup;
mod branches;
mod journal;
mod left_over_log;
mod missing;
mod probe;
mod watch;

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use reqwest::StatusCode;

use crate::support::database::TestDatabase;
use crate::support::program::{Program, ProgramOutput};
use crate::support::site::Site;

/// A server on a SQLite file; `None` in a run with PostgreSQL.
fn site() -> Option<Site> {
    (!TestDatabase::is_postgres_run()).then(|| Site::on(TestDatabase::migrated_sqlite(), &[]))
}

async fn sign_in(site: &Site, email: &str) {
    let response = site.visitor().sign_in(email).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{email}");
}

/// Kills the server, so that SQLite's log is left over.
fn kill(site: Site) -> TestDatabase {
    site.program.signal("KILL");
    let (program, database) = site.into_parts();
    drop(program.wait());
    assert!(beside(database.sqlite_path(), "-wal").exists());
    database
}

/// Stops the server with SIGTERM.
fn stop(site: Site) -> TestDatabase {
    site.program.signal("TERM");
    let (program, database) = site.into_parts();
    program.wait().exits_with(0);
    database
}

fn run(database: &TestDatabase, arguments: &[&str]) -> ProgramOutput {
    Program::with_settings(arguments)
        .env("DATABASE_URL", database.url())
        .run()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// The rows of a query whose only column is called `text`.
fn query(path: &Path, statement: &str) -> Vec<String> {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    let lines: Vec<Line> = diesel::sql_query(statement).load(&mut conn).unwrap();
    lines.into_iter().map(|line| line.text).collect()
}

/// The emails of all accounts, after a check of the whole file.
fn emails(path: &Path) -> Vec<String> {
    let check = "SELECT integrity_check AS text FROM pragma_integrity_check";
    assert_eq!(query(path, check), ["ok"]);
    query(path, "SELECT email AS text FROM users ORDER BY email")
}
