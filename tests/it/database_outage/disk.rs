//! SQLite when its file cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use authkit_emulator::{Config, EmulatorHandle};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::database::TestDatabase;
use crate::support::peer::Peer;
use crate::support::proxied::Proxy;
use crate::support::readings::becomes_true;
use crate::support::steps::{assert_signs_in, error_page, retry_after, set_cookie};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vestibule");

/// A folder with a migrated database, and the settings of a program that runs in it.
fn folder_for(emulator: &EmulatorHandle) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "BIND=127.0.0.1:0\nPUBLIC_URL=http://localhost\nDATABASE_URL=sqlite:test.sqlite3\n\
         SECRET_KEY={SECRET_KEY}\nWORKOS_API_BASE_URL={}\nWORKOS_API_KEY={}\nWORKOS_CLIENT_ID={}\n",
        emulator.base_url(),
        emulator.api_key(),
        emulator.client_id(),
    );
    fs::write(folder.path().join(".env"), settings).unwrap();
    let migrated = Command::new(PROGRAM)
        .arg("migrate")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs the program in `folder` as a user to whom file permissions apply. They do not apply to root.
fn run_unprivileged(folder: &Path, arguments: &[&str]) -> Output {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    // A server that starts unexpectedly would not end without this.
    let mut command = Command::new("timeout");
    command.arg("20");
    if root {
        command.args(["setpriv", "--reuid=65534", "--regid=65534"]);
        command.args(["--clear-groups", "--"]);
        command.arg(readable_program(folder));
    } else {
        command.arg(PROGRAM);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// A copy that another user can read, whatever the permissions of the build's parent folders.
fn readable_program(folder: &Path) -> PathBuf {
    let copy = folder.join("vestibule");
    fs::copy(PROGRAM, &copy).unwrap();
    set_mode(&copy, 0o755);
    copy
}

#[test]
fn a_server_does_not_start_with_a_read_only_file() {
    let emulator = authkit_emulator::start(Config::default()).unwrap();
    // With a folder in which SQLite can create its side files, and with one in which it cannot.
    for folder_mode in [0o777, 0o555] {
        let folder = folder_for(&emulator);
        set_mode(&folder.path().join("test.sqlite3"), 0o444);
        set_mode(&folder.path().join(".env"), 0o644);
        if folder_mode == 0o555 {
            readable_program(folder.path());
        }
        set_mode(folder.path(), folder_mode);
        let output = run_unprivileged(folder.path(), &["runserver"]);
        set_mode(folder.path(), 0o755);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("database"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_file_without_the_right_to_read_it_is_not_called_damaged() {
    let emulator = authkit_emulator::start(Config::default()).unwrap();
    let folder = folder_for(&emulator);
    set_mode(&folder.path().join("test.sqlite3"), 0);
    set_mode(&folder.path().join(".env"), 0o644);
    set_mode(folder.path(), 0o777);
    let output = run_unprivileged(folder.path(), &["runserver"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("unable to open database file"), "{said}");
    assert!(!said.contains("damaged"), "{said}");
}

/// Limits the size of the files that the process writes, or removes the limit.
fn limit_files(pid: &str, bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", pid, &format!("--fsize={bytes}:")])
        .output()
        .unwrap();
    assert!(limited.status.success(), "{limited:?}");
}

/// Starts a server in this folder whose files can be limited, and returns it, its process id, and clients of it.
async fn start_limited(folder: &Path) -> (Peer, String, Proxy) {
    // The limit looks like a full disk to the program. Without this, a signal would end it.
    let script = r#"trap "" XFSZ; echo "pid $$"; exec "$0" runserver"#;
    let arguments = ["-c", script, PROGRAM];
    let mut peer = Peer::start("vestibule", Path::new("bash"), &arguments, folder);
    let pid = peer
        .wait_for(|line| line.strip_prefix("pid ").map(str::to_owned))
        .await;
    let address = peer
        .wait_for(|line| {
            let (_, rest) = line.split_once("(listening on ")?;
            rest.strip_suffix(')').map(str::to_owned)
        })
        .await;
    let proxy = Proxy {
        upstream: format!("http://{address}"),
        host: "localhost",
    };
    (peer, pid, proxy)
}

#[tokio::test]
async fn a_sign_in_with_a_full_disk_is_a_503_and_works_after_space_is_freed() {
    let emulator = authkit_emulator::start(Config::default()).unwrap();
    let folder = folder_for(&emulator);
    let (_peer, pid, proxy) = start_limited(folder.path()).await;
    let ready = || proxy.get("/readyz", "");
    assert_eq!(ready().await.status(), StatusCode::OK);

    limit_files(&pid, "0");
    let (_, refused) = proxy.sign_in("ada@example.com").await;
    assert_eq!(set_cookie(&refused, "sessionid"), None);
    assert_eq!(retry_after(refused.headers()), Some(5));
    let page = error_page(refused, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains("The database is not responding"), "{page}");
    assert_eq!(ready().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(proxy.get("/", "").await.status(), StatusCode::OK);

    limit_files(&pid, "unlimited");
    let (_, finished) = proxy.sign_in("ada@example.com").await;
    assert_eq!(finished.status(), StatusCode::FOUND);
    let line = set_cookie(&finished, "sessionid").unwrap();
    let home = proxy.get("/", line.split(';').next().unwrap()).await;
    let home = home.text().await.unwrap();
    assert!(home.contains("Welcome, ada@example.com!"), "{home}");
    assert_eq!(ready().await.status(), StatusCode::OK);
}

/// The disk has space for the smallest transaction only.
#[tokio::test]
async fn a_server_is_not_ready_while_only_small_writes_succeed() {
    let emulator = authkit_emulator::start(Config::default()).unwrap();
    let folder = folder_for(&emulator);
    let (_peer, pid, proxy) = start_limited(folder.path()).await;
    let ready = async || proxy.get("/readyz", "").await.status();
    assert_eq!(ready().await, StatusCode::OK);
    let log = fs::metadata(folder.path().join("test.sqlite3-wal")).unwrap();
    // One page with its header: a transaction that changes a row needs two.
    limit_files(&pid, &(log.len() + 24 + 4096).to_string());
    let (_, refused) = proxy.sign_in("ada@example.com").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);

    limit_files(&pid, "unlimited");
    assert!(becomes_true(async || ready().await == StatusCode::OK).await);
    let (_, finished) = proxy.sign_in("ada@example.com").await;
    assert_eq!(finished.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_sign_in_while_another_process_locks_the_file_is_a_503() {
    let database = TestDatabase::sqlite();
    let path = database.url().trim_start_matches("sqlite:").to_owned();
    let app = TestApp::builder().database(database).start();
    let olive = app.signed_in("olive@example.com").await;
    let mut other = SqliteConnection::establish(&path).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();

    let ada = app.visitor();
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(retry_after(response.headers()), Some(5));
    error_page(response, StatusCode::SERVICE_UNAVAILABLE).await;
    let response = olive.post("/auth/logout").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(olive.is_signed_in().await);

    other.batch_execute("ROLLBACK").unwrap();
    assert_signs_in(&ada, "ada@example.com").await;
    assert_eq!(app.users().len(), 2);
}
