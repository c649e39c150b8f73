//! `vestibule runserver --demo`: from an empty folder to "Welcome".

use std::net::TcpListener;

use reqwest::StatusCode;

use crate::support::app::{Visitor, location};
use crate::support::program::{Program, RunningProgram};

/// The address to open, as the demo prints it.
fn url(program: &RunningProgram) -> String {
    let line = program.wait_for_output("    http://localhost:");
    program.wait_for_output("Ctrl-C stops both.");
    line.trim().to_owned()
}

fn demo() -> Program {
    Program::new(&["runserver", "--demo", "--bind", "127.0.0.1:0"])
}

#[tokio::test]
async fn an_empty_folder_leads_from_home_to_welcome_and_back_out() {
    let program = demo().start();
    let url = url(&program);
    let printed = program.printed();
    for part in [
        "ada@example.com",
        "ada-demo-password",
        "AuthKit emulator is on http://127.0.0.1:",
    ] {
        assert!(printed.contains(part), "no {part} in {printed}");
    }
    let ada = Visitor::new(&url);
    assert!(ada.page("/").await.contains("Log in"));
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.page("/").await.contains("Welcome, ada@example.com!"));
    let logout = ada.get("/auth/logout").await;
    let back = ada.get(&location(&logout)).await;
    assert_eq!(location(&back), format!("{url}/"));
    assert!(!ada.is_signed_in().await);
    program.signal("INT");
    let output = program.wait().exits_with(0);
    assert!(
        output.files[0].starts_with("vestibule-demo.sqlite3"),
        "{output:#?}"
    );
}

#[tokio::test]
async fn a_hostile_environment_changes_nothing() {
    let mut program = demo()
        .file(".env", "this is 'no .env\nSECRET_KEY=short\n")
        .file("vestibule.sqlite3", "no database");
    for (name, value) in [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("WORKOS_API_KEY", "nonsense"),
        ("WORKOS_CLIENT_ID", "nonsense"),
        ("WORKOS_API_BASE_URL", "http://192.0.2.1"),
        ("WORKOS_REDIRECT_URI", "nonsense"),
        ("WORKOS_LOGOUT_RETURN_TO", "nonsense"),
        ("DATABASE_URL", "mysql://host/app"),
        ("DATABASE_POOL_SIZE", "-1"),
        ("BIND", "0.0.0.0:1"),
        ("PUBLIC_URL", "https://elsewhere.example"),
        ("ALLOWED_HOSTS", "elsewhere.example"),
        ("SESSION_COOKIE_NAME", "__Host-x"),
        ("SESSION_COOKIE_AGE", "0"),
        ("LOGIN_REDIRECT_URL", "//evil.example"),
        ("CORS_ALLOWED_ORIGINS", "nonsense"),
        ("TRUSTED_PROXIES", "nonsense"),
        ("RUST_LOG", "off"),
        ("LOG_FORMAT", "xml"),
        ("HTTP_PROXY", "http://192.0.2.1:1"),
        ("http_proxy", "http://192.0.2.1:1"),
        ("ALL_PROXY", "http://192.0.2.1:1"),
    ] {
        program = program.env(name, value);
    }
    let program = program.start();
    let url = url(&program);
    let ada = Visitor::new(&url);
    let response = ada.sign_in("ada@example.com").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/");
    assert!(ada.cookie("/", "sessionid").is_some());
    assert!(ada.page("/account").await.contains("ada@example.com"));
    let line = program.wait_for_log(|line| line.contains("GET /account 200"));
    assert!(!line.starts_with('{'), "{line}");
    assert_eq!(
        std::fs::read_to_string(program.folder().join("vestibule.sqlite3")).unwrap(),
        "no database"
    );
}

#[test]
fn it_is_for_this_machine_alone() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        Program::new(&["runserver", "--demo", "--bind", address])
            .run()
            .exits_with(1)
            .reports_one_error(&["--demo signs anybody in", address, "use 127.0.0.1"])
            .leaves_files(&[]);
    }
}

#[test]
fn a_taken_port_is_told_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Program::new(&["runserver", "--demo", "--bind", &address])
        .run()
        .exits_with(1)
        .reports_one_error(&["cannot listen on", &address, "--bind"])
        .leaves_files(&[]);
}

#[tokio::test]
async fn a_second_demo_in_the_same_folder_knows_who_was_there() {
    let first = demo().start();
    let ada = Visitor::new(&url(&first));
    ada.sign_in("ada@example.com").await;
    let account = ada.page("/account").await;
    let id = account.split("User id</dt>").nth(1).unwrap()[..40].to_owned();
    let folder = tempfile::tempdir().unwrap();
    let database = "vestibule-demo.sqlite3";
    let second = demo().current_dir(first.folder());
    first.signal("TERM");
    std::fs::write(folder.path().join("kept"), "").unwrap();
    // The folder lives as long as what ran in it; the copy is what a second start finds.
    let copy = folder.path().join(database);
    let source = first.folder().join(database);
    wait_for_end(first, || {
        std::fs::copy(&source, &copy).unwrap();
    });
    let second = second.current_dir(folder.path()).start();
    let ada = Visitor::new(&url(&second));
    ada.sign_in("ada@example.com").await;
    assert!(ada.page("/account").await.contains(&id));
}

fn wait_for_end(mut program: RunningProgram, then: impl FnOnce()) {
    while program.is_running() {
        std::thread::yield_now();
    }
    then();
    program.wait().exits_with(0);
}
