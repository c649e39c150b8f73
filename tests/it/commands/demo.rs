//! `vestibule runserver --demo` in an empty folder.

use std::net::TcpListener;

use reqwest::StatusCode;

use crate::support::app::{Visitor, location};
use crate::support::program::{Program, RunningProgram};
use crate::support::site::free_port;

/// The URL to open, as the demo prints it.
fn url(program: &RunningProgram) -> String {
    let line = program.wait_for_output("    http://localhost:");
    program.wait_for_output("Ctrl-C stops both.");
    line.trim().to_owned()
}

fn demo() -> Program {
    Program::new(&["runserver", "--demo", "--bind", "127.0.0.1:0"])
}

#[tokio::test]
async fn a_demo_user_signs_in_and_out() {
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
    let logout = ada.post("/auth/logout").await;
    let back = ada.get(&location(&logout)).await;
    assert_eq!(location(&back), format!("{url}/"));
    assert!(!ada.is_signed_in().await);
    for file in std::fs::read_dir(program.folder()).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
    program.signal("INT");
    let output = program.wait().exits_with(0);
    assert!(
        output.files[0].starts_with("vestibule-demo.sqlite3"),
        "{output:#?}"
    );
}

#[tokio::test]
async fn the_environment_and_dotenv_are_ignored() {
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
fn only_loopback_addresses_are_accepted() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        Program::new(&["runserver", "--demo", "--bind", address])
            .run()
            .exits_with(1)
            .reports_one_error(&["anybody can sign in to the demo", address, "use 127.0.0.1"])
            .leaves_files(&[]);
    }
}

#[test]
fn a_port_in_use_is_reported_before_a_file_is_created() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Program::new(&["runserver", "--demo", "--bind", &address])
        .run()
        .exits_with(1)
        .reports_one_error(&["cannot listen on", &address, "--bind"])
        .leaves_files(&[]);
}

#[tokio::test]
async fn a_second_demo_in_the_same_folder_knows_the_users_and_ends_their_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo().current_dir(folder.path()).start();
    let first_url = url(&first);
    for _ in 0..2 {
        let ada = Visitor::new(&first_url);
        ada.sign_in("ada@example.com").await;
    }
    let ada = Visitor::new(&first_url);
    ada.sign_in("ada@example.com").await;
    let account = ada.page("/account").await;
    assert_eq!(open_sessions(&account), 3, "{account}");
    let id = account.split("User ID</dt>").nth(1).unwrap()[..40].to_owned();
    first.signal("TERM");
    first.wait().exits_with(0);
    let second = demo().current_dir(folder.path()).start();
    let ada = Visitor::new(&url(&second));
    ada.sign_in("ada@example.com").await;
    let account = ada.page("/account").await;
    assert!(account.contains(&id), "{account}");
    assert_eq!(open_sessions(&account), 1, "{account}");
}

/// The number of sessions on the account page, this one included.
fn open_sessions(account: &str) -> usize {
    account.matches(r#"name="session_id""#).count()
}

#[tokio::test]
async fn the_local_account_signs_in_with_its_password_at_every_start() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let program = demo().current_dir(folder.path()).start();
        let url = url(&program);
        let printed = program.printed();
        let line = "    lois@example.com  lois-demo-password";
        assert!(printed.lines().any(|found| found == line), "{printed}");
        let lois = Visitor::new(&url);
        let response = lois.log_in("lois@example.com", "lois-demo-password").await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(lois.page("/account").await.contains("Lois Local"));
        program.signal("TERM");
        program.wait().exits_with(0);
    }
}

#[test]
fn the_greeting_explains_what_works_once_and_how_to_reset() {
    let program = demo().start();
    url(&program);
    let printed = program.printed();
    for part in [
        "una, quinn and the invitation show their steps only once",
        "enid has a second factor after",
        "restart the demo",
        "vestibule-demo.sqlite3",
        "delete that file",
        "all sessions end",
        "/login is for accounts with a password of this site",
    ] {
        assert!(printed.contains(part), "no {part:?} in {printed}");
    }
    for user in ["una@", "quinn@", "enid@"] {
        assert!(printed.contains(user), "no {user:?} in {printed}");
    }
}

#[test]
fn the_address_of_the_emulator_can_be_chosen() {
    let address = format!("127.0.0.1:{}", free_port());
    let program = Program::new(&[
        "runserver",
        "--demo",
        "--bind",
        "127.0.0.1:0",
        "--emulator-bind",
        &address,
    ]);
    let program = program.start();
    program.wait_for_output(&format!("AuthKit emulator is on http://{address}"));
    for (refused, parts) in [
        (address.as_str(), &["in use", "--emulator-bind"][..]),
        ("0.0.0.0:4100", &["0.0.0.0:4100", "use 127.0.0.1"]),
    ] {
        let second = Program::new(&[
            "runserver",
            "--demo",
            "--bind",
            "127.0.0.1:0",
            "--emulator-bind",
            refused,
        ]);
        second
            .run()
            .exits_with(1)
            .reports_one_error(parts)
            .leaves_files(&[]);
    }
}
