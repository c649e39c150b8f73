//! `vestibule check`.

mod files;
mod names;
mod values;

use authkit_emulator::{Config, Effect, Fault};

use crate::support::database::TestDatabase;
use crate::support::program::{API_KEY, Program, ProgramOutput};
use crate::support::site::free_port;

const FINE: &str = "System check identified no issues (0 silenced).";

/// `check` on a database that has been migrated, with sound settings and these.
fn check(options: &[&str], settings: &[(&str, &str)]) -> ProgramOutput {
    check_on(&TestDatabase::migrated(), options, settings)
}

/// The same on this database, for a test that runs `check` many times.
fn check_on(database: &TestDatabase, options: &[&str], settings: &[(&str, &str)]) -> ProgramOutput {
    let arguments = [&["check"], options].concat();
    let mut program = Program::with_settings(&arguments).env("DATABASE_URL", database.url());
    for (name, value) in settings {
        program = program.env(name, value);
    }
    program.run()
}

#[test]
fn valid_settings_have_no_findings() {
    let output = check(&[], &[]).exits_with(0);
    assert_eq!(output.stdout, FINE);
    assert_eq!(output.stderr, "");
}

#[test]
fn forty_runs_in_a_row_exit_with_0() {
    // A connection that was still being opened when the process ended made one run in thirteen crash.
    let database = TestDatabase::migrated();
    for _ in 0..40 {
        Program::with_settings(&["check"])
            .env("DATABASE_URL", database.url())
            .run()
            .exits_with(0);
    }
}

#[test]
fn fail_level_chooses_what_is_a_failure() {
    let database = TestDatabase::migrated();
    let odd = [("WORKOS_REDIRECT_URI", "http://localhost:8000/elsewhere")];
    let output = check_on(&database, &[], &odd).exits_with(0);
    assert!(
        output.stdout.contains("WARNINGS:\n?: (workos.W001)"),
        "{output:#?}"
    );
    for level in ["WARNING", "warning", "INFO", "DEBUG"] {
        let output = check_on(&database, &["--fail-level", level], &odd).exits_with(1);
        assert!(output.stderr.contains("workos.W001"), "{output:#?}");
    }
    for level in ["ERROR", "CRITICAL"] {
        check_on(&database, &["--fail-level", level], &odd).exits_with(0);
    }
    check_on(&database, &["--fail-level", "WARNING"], &[]).exits_with(0);
}

#[test]
fn runserver_does_not_start_with_a_check_of_level_error() {
    let database = TestDatabase::migrated();
    for (name, value, id) in [
        (
            "WORKOS_REDIRECT_URI",
            "https://elsewhere.example/auth/callback",
            "workos.E001",
        ),
        ("SESSION_COOKIE_NAME", "__Host-sessionid", "session.E001"),
        ("SESSION_COOKIE_NAME", "vestibule_browser", "session.E002"),
    ] {
        let output = check_on(&database, &[], &[(name, value)]).exits_with(1);
        assert!(output.stderr.contains(id), "{output:#?}");
        let output = Program::with_settings(&["runserver"])
            .env(name, value)
            .run();
        assert!(output.exits_with(1).stderr.contains(id));
    }
}

#[test]
fn deploy_adds_the_checks_for_real_users() {
    let database = TestDatabase::migrated();
    let output = check_on(&database, &["--deploy"], &[]).exits_with(0);
    assert!(output.stdout.contains("security.W008"), "{output:#?}");
    let sound = [
        ("PUBLIC_URL", "https://app.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
        ("WORKOS_API_KEY", "sk_live_made_up"),
    ];
    let output =
        check_on(&database, &["--deploy", "--fail-level", "WARNING"], &sound).exits_with(0);
    for address in [
        "Redirect URI: https://app.example.com/auth/callback",
        "Sign-in endpoint: https://app.example.com/auth/login",
        "Sign-out redirect: https://app.example.com/",
    ] {
        assert!(output.stdout.contains(address), "{output:#?}");
    }
    for (name, value, id) in [
        ("PUBLIC_URL", "http://app.example.com", "security.W008"),
        (
            "SECRET_KEY",
            "thirty-two-bytes-and-not-one-more",
            "security.W009",
        ),
        (
            "SECRET_KEY_FALLBACKS",
            "thirty-two-bytes-and-not-one-more",
            "security.W025",
        ),
        ("ALLOWED_HOSTS", "*", "security.W020"),
        ("ALLOWED_HOSTS", "app.example.com,.co.uk", "security.W020"),
        ("THROTTLE_REFRESH", "off", "api.W003"),
        (
            "WORKOS_WEBHOOK_SECRET",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "workos.W004",
        ),
        (
            "WORKOS_WEBHOOK_SECRET",
            "change-me-as-soon-as-you-can",
            "workos.W004",
        ),
        ("WORKOS_API_KEY", "sk_test_made_up", "workos.W003"),
        ("TRUSTED_PROXIES", "", "proxy.W001"),
    ] {
        let settings = [&sound[..], &[(name, value)]].concat();
        let output = check_on(
            &database,
            &["--deploy", "--fail-level", "WARNING"],
            &settings,
        )
        .exits_with(1);
        assert!(output.stderr.contains(id), "{output:#?}");
    }
}

#[test]
fn online_asks_workos_whether_key_and_client_id_belong_together() {
    let database = TestDatabase::migrated();
    let workos = authkit_emulator::start(Config {
        api_key: API_KEY.to_owned(),
        client_id: "client_made_up".to_owned(),
        ..Config::default()
    });
    let workos = workos.unwrap();
    let base = ("WORKOS_API_BASE_URL", workos.base_url());
    let base = (base.0, base.1.as_str());
    let output = check_on(&database, &["--online"], &[base]).exits_with(0);
    assert!(output.stdout.contains("workos.I001"), "{output:#?}");
    for wrong in [
        ("WORKOS_API_KEY", "sk_test_another"),
        ("WORKOS_CLIENT_ID", "client_another"),
    ] {
        let output = check_on(&database, &["--online"], &[base, wrong]).exits_with(1);
        assert!(output.stderr.contains("(workos.E002)"), "{output:#?}");
        assert!(
            output.stderr.contains("same WorkOS environment"),
            "{output:#?}"
        );
        assert!(!output.stderr.contains(".."), "{output:#?}");
    }
    // Without the setting no events are asked for.
    let forbidden = Effect::status(403, serde_json::json!({ "message": "Forbidden" }));
    let fault = Fault::once("/events", forbidden);
    workos.control().inject(fault);
    let polling = ("WORKOS_EVENTS_POLL", "30");
    let refused = check_on(&database, &["--online"], &[base, polling]);
    let listed = check_on(&database, &["--online"], &[base, polling]);
    for (output, is_reported) in [(refused, true), (listed, false)] {
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(text.contains("(workos.W005)"), is_reported, "{output:#?}");
    }
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let output = check_on(
        &database,
        &["--online"],
        &[("WORKOS_API_BASE_URL", &nowhere)],
    )
    .exits_with(1);
    assert!(output.stderr.contains("(workos.E003)"), "{output:#?}");
    assert!(
        output.stderr.contains("HINT: Check WORKOS_API_BASE_URL"),
        "{output:#?}"
    );
}

#[test]
fn online_compares_the_issuer_with_the_discovery_document() {
    let database = TestDatabase::migrated();
    let issuer = "https://login.example.com/oauth2";
    let workos = authkit_emulator::start(Config {
        api_key: API_KEY.to_owned(),
        client_id: "client_made_up".to_owned(),
        issuer: Some(issuer.to_owned()),
        ..Config::default()
    });
    let workos = workos.unwrap();
    let url = workos.base_url();
    let base = ("WORKOS_API_BASE_URL", url.as_str());
    let output = check_on(&database, &["--online"], &[base]).exits_with(1);
    let value = format!("{url},{url}/user_management/client_made_up,{issuer}");
    let hint = format!("Set WORKOS_JWT_ISSUERS='{value}'.");
    assert!(output.stderr.contains("(workos.E005)"), "{output:#?}");
    assert!(output.stderr.contains(&hint), "{output:#?}");
    let listed = ("WORKOS_JWT_ISSUERS", value.as_str());
    check_on(&database, &["--online"], &[base, listed]).exits_with(0);
}

#[test]
fn a_hint_does_not_repeat_its_message() {
    let output = Program::with_settings(&["check"]).run().exits_with(0);
    let once = output.stdout.matches("vestibule migrate").count();
    assert_eq!(once, 1, "{output:#?}");
    let missing = Program::new(&["check"]).run().exits_with(1);
    assert_eq!(missing.stderr.matches("WORKOS_API_KEY").count(), 1);
}

#[test]
fn silenced_checks_are_counted_and_do_not_fail() {
    let odd = ("WORKOS_REDIRECT_URI", "http://localhost:8000/elsewhere");
    let silenced = ("SILENCED_SYSTEM_CHECKS", "api.W001, workos.W001");
    let output = check(&["--fail-level", "DEBUG"], &[odd, silenced]).exits_with(0);
    assert_eq!(
        output.stdout,
        "System check identified no issues (1 silenced)."
    );
}
