//! Debian's PgBouncer between the application and PostgreSQL.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use tempfile::TempDir;
use url::Url;
use vestibule::tokens::TokenGrant;

use super::settings::{open, settings_in_effect};
use crate::support::api::PASSWORD;
use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use crate::support::peer::Peer;
use crate::support::steps::assert_signs_in;

/// A running PgBouncer in front of one database.
struct Pooler {
    url: String,
    _peer: Peer,
    _folder: TempDir,
}

/// Starts PgBouncer with two connections to the server, so that twelve of the application have to share them.
async fn pooler(database: &TestDatabase, mode: &str) -> Pooler {
    let mut url = Url::parse(database.url()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n\
         default_pool_size = {}\nmax_client_conn = 50\n",
        url.host_str().unwrap(),
        url.port().unwrap_or(5432),
        folder.path().join("users").display(),
        if mode == "session" { 14 } else { 2 },
    );
    let users = format!(
        "\"{}\" \"{}\"\n",
        url.username(),
        url.password().unwrap_or("")
    );
    fs::write(folder.path().join("users"), users).unwrap();
    fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // It refuses to run as root.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let (program, mut arguments) = if is_root {
        let drop_rights = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
        let mut arguments = drop_rights.map(str::to_owned).to_vec();
        arguments.push(program().display().to_string());
        (PathBuf::from("setpriv"), arguments)
    } else {
        (program(), Vec::new())
    };
    arguments.push("pgbouncer.ini".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut peer = Peer::start("pgbouncer", &program, &arguments, folder.path());
    peer.wait_for(|line| line.contains("process up").then_some(()))
        .await;
    url.set_ip_host([127, 0, 0, 1].into()).unwrap();
    url.set_port(Some(port)).unwrap();
    Pooler {
        url: url.into(),
        _peer: peer,
        _folder: folder,
    }
}

/// Debian installs it in `/usr/sbin`, which a user's PATH may lack.
fn program() -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin"]);
    let mut programs = folders.map(|folder| Path::new(folder).join("pgbouncer"));
    programs
        .find(|program| program.exists())
        .expect("pgbouncer is installed; `script/test tools` does it")
}

async fn works_behind_pooler(mode: &str) {
    if !TestDatabase::is_postgres_run() {
        return;
    }
    let database = TestDatabase::new();
    let pooler = pooler(&database, mode).await;
    // The start applies all migrations.
    let app = TestApp::builder()
        .database(database)
        .setting("DATABASE_URL", &pooler.url)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    assert_eq!(app.visitor().get("/readyz").await.status(), StatusCode::OK);
    let ada = app.add_user_with_password("ada@example.com", PASSWORD);
    let pairs: Vec<_> = (0..24)
        .map(|_| app.issue_tokens(&ada, TokenGrant::default()))
        .collect();
    let visitor = app.visitor();
    let refreshes = pairs.iter().map(|pair| async {
        let refreshed = visitor.post_refresh_token("/api/token/refresh", &pair.refresh);
        refreshed.await.status
    });
    let others = (0..8).map(|_| {
        let app = &app;
        async move {
            let visitor = app.visitor();
            assert_signs_in(&visitor, "olive@example.com").await;
            assert_eq!(visitor.get("/account").await.status(), StatusCode::OK);
            visitor.post("/auth/logout").await;
            assert!(!visitor.is_signed_in().await);
        }
    });
    let (refreshed, _) = tokio::join!(
        futures_util::future::join_all(refreshes),
        futures_util::future::join_all(others)
    );
    assert_eq!(refreshed, [StatusCode::OK; 24]);
    assert_eq!(app.visitor().get("/readyz").await.status(), StatusCode::OK);
    let opened = open(&pooler.url).unwrap();
    let expected = "read committed 10s 200ms 30s UTC";
    assert_eq!(settings_in_effect(&opened).await, [expected; 2]);
}

#[tokio::test]
async fn the_application_works_behind_a_pooler_of_transactions() {
    works_behind_pooler("transaction").await;
}

#[tokio::test]
async fn the_application_works_behind_a_pooler_of_sessions() {
    works_behind_pooler("session").await;
}
