//! `vestibule runserver`: when it does not start, and the errors that it prints then.

use std::net::TcpListener;

use super::migrate::NAMES;
use crate::support::client::plain_client;
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::site::{Site, free_port};

#[test]
fn without_settings_it_names_each_and_how_to_continue() {
    let output = Program::new(&["runserver"]).run().exits_with(1);
    let lines: Vec<_> = output.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{output:#?}");
    for (line, name) in lines
        .iter()
        .zip(["WORKOS_API_KEY", "WORKOS_CLIENT_ID", "SECRET_KEY"])
    {
        assert!(
            line.starts_with(&format!("vestibule: {name}: not set; set it to ")),
            "{line}"
        );
    }
    assert!(lines[3].contains(".env.example"), "{output:#?}");
    assert!(
        lines[3].contains("`vestibule runserver --demo`"),
        "{output:#?}"
    );
    output.leaves_files(&[]);
}

/// An application would wait in vain for a claim that is misspelt.
#[test]
fn a_claim_that_does_not_exist_is_refused() {
    let database = TestDatabase::migrated();
    Program::with_settings(&["runserver"])
        .env("DATABASE_URL", database.url())
        .env("TOKEN_CLAIMS", "role,shoe_size")
        .run()
        .exits_with(1)
        .reports_one_error(&["TOKEN_CLAIMS: `shoe_size` is not valid", "org_id, role"]);
}

#[test]
fn a_missing_database_is_not_created_and_the_command_that_creates_it_is_named() {
    Program::with_settings(&["runserver"])
        .run()
        .exits_with(1)
        .reports_one_error(&["vestibule.sqlite3 does not exist", "`vestibule migrate`"])
        .leaves_files(&[]);
}

#[test]
fn unapplied_migrations_are_an_error_that_names_the_command() {
    let database = TestDatabase::new();
    // An empty file is a SQLite database without tables.
    if let Some(path) = database.url().strip_prefix("sqlite:") {
        std::fs::write(path, "").unwrap();
    }
    let missing = format!("{} migrations are not applied", NAMES.len());
    Program::with_settings(&["runserver"])
        .env("DATABASE_URL", database.url())
        .run()
        .exits_with(1)
        .reports_one_error(&[&missing, "run `vestibule migrate`"]);
}

#[test]
fn a_port_in_use_is_named_with_the_option_for_another() {
    let database = TestDatabase::migrated();
    let url = database.url();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Program::with_settings(&["runserver", "--bind", &address])
        .env("DATABASE_URL", url)
        .run()
        .exits_with(1)
        .reports_one_error(&["cannot listen on", &address, "in use", "--bind"]);
}

#[tokio::test]
async fn the_option_bind_takes_precedence_over_the_setting() {
    let database = TestDatabase::migrated();
    let url = database.url();
    let address = format!("127.0.0.1:{}", free_port());
    let program = Program::with_settings(&["runserver", "--bind", &address])
        .env("DATABASE_URL", url)
        .env("BIND", "192.0.2.1:1")
        .start();
    let line = program.wait_for_output("vestibule serves");
    let port = address.split_once(':').unwrap().1;
    assert_eq!(
        line,
        format!("vestibule serves http://localhost:{port} (listening on {address})")
    );
    let page = plain_client()
        .get(format!("http://{address}/"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    program.signal("TERM");
    program.wait().exits_with(0);
}

#[tokio::test]
async fn a_restart_on_the_same_database_knows_its_users() {
    let site = Site::start(&[]);
    let ada = site.visitor();
    assert_eq!(ada.sign_in("ada@example.com").await.status(), 302);
    let id = user_id(&ada.page("/account").await);
    let (program, database) = site.into_parts();
    program.signal("TERM");
    program.wait().exits_with(0);
    let site = Site::on(database, &[]);
    let ada = site.visitor();
    assert_eq!(ada.sign_in("ada@example.com").await.status(), 302);
    assert_eq!(user_id(&ada.page("/account").await), id);
}

fn user_id(account: &str) -> String {
    let after = account.split("User ID</dt><dd><code>").nth(1);
    let id = after.and_then(|rest| rest.split('<').next());
    id.expect("the page shows the id").to_owned()
}

#[test]
fn a_warning_is_logged_and_does_not_stop_the_start() {
    let site = Site::start(&[
        ("SESSION_COOKIE_NAME", "sid"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
    ]);
    assert!(
        !site
            .program
            .log()
            .iter()
            .any(|line| line.contains("system check"))
    );
    drop(site);
    let port = free_port();
    let url = format!("http://localhost:{port}");
    let uri = format!("{url}/elsewhere");
    let site = Site::start(&[("WORKOS_REDIRECT_URI", &uri), ("PUBLIC_URL", &url)]);
    site.program
        .wait_for_log(|line| line.contains("system check workos.W001: "));
}

#[test]
fn listening_for_other_machines_without_public_url_is_a_warning() {
    let port = free_port();
    let site = Site::start(&[("BIND", &format!("0.0.0.0:{port}"))]);
    let line = site
        .program
        .wait_for_log(|line| line.contains("system check hosts.W002: "));
    assert!(line.contains("Set PUBLIC_URL to"), "{line}");
}

#[test]
fn a_public_url_of_other_machines_logs_the_deployment_warnings() {
    let url = ("PUBLIC_URL", "http://app.example.com");
    let site = Site::start(&[url, ("CORS_ALLOWED_ORIGIN_REGEXES", ".*")]);
    for id in ["security.W008", "api.W003", "cors.W002"] {
        site.program
            .wait_for_log(|line| line.contains(&format!("system check {id}: ")));
    }
}

#[test]
fn listening_for_other_machines_logs_the_deployment_warnings() {
    let port = free_port();
    let url = format!("http://localhost:{port}");
    let bind = format!("0.0.0.0:{port}");
    let silenced = ("SILENCED_SYSTEM_CHECKS", "security.W009");
    let site = Site::start(&[("BIND", &bind), ("PUBLIC_URL", &url), silenced]);
    site.program
        .wait_for_log(|line| line.contains("system check security.W008: "));
    let log = site.program.log().join("\n");
    assert!(log.contains("system check api.W003: THROTTLE_LOGIN is off"));
    assert!(!log.contains("security.W009"), "{log}");
    assert!(!log.contains("workos.I001"), "{log}");
}

#[test]
fn djangos_argument_for_the_address_gets_a_tip() {
    for (argument, bind) in [
        ("0.0.0.0:8000", "0.0.0.0:8000"),
        ("8000", "127.0.0.1:8000"),
        ("0:8000", "0.0.0.0:8000"),
        ("[::]:8000", "[::]:8000"),
    ] {
        let output = Program::new(&["runserver", argument]).run().exits_with(2);
        let tip = format!("tip: the address is an option: `vestibule runserver --bind {bind}`");
        assert!(output.stderr.contains(&tip), "{output:#?}");
    }
    for arguments in [&["runserver", "now"][..], &["migrate", "8000"]] {
        let output = Program::new(arguments).run().exits_with(2);
        assert!(!output.stderr.contains("--bind "), "{output:#?}");
    }
}
