//! `vestibule check`.

use authkit_emulator::Config;

use crate::support::database::TestDatabase;
use crate::support::program::{API_KEY, Program, ProgramOutput};
use crate::support::site::free_port;

const FINE: &str = "System check identified no issues (0 silenced).";

/// `check` on a database that has been migrated, with sound settings and these.
fn check(options: &[&str], settings: &[(&str, &str)]) -> ProgramOutput {
    let database = TestDatabase::new();
    let url = ("DATABASE_URL", database.url());
    Program::new(&["migrate"])
        .env(url.0, url.1)
        .run()
        .exits_with(0);
    let arguments = [&["check"], options].concat();
    let mut program = Program::with_settings(&arguments).env(url.0, url.1);
    for (name, value) in settings {
        program = program.env(name, value);
    }
    program.run()
}

#[test]
fn a_sound_set_up_has_no_issues() {
    let output = check(&[], &[]).exits_with(0);
    assert_eq!(output.stdout, FINE);
    assert_eq!(output.stderr, "");
}

#[test]
fn the_end_is_as_good_every_time() {
    // A connection still being opened when the process ends made about one in thirteen crash.
    let database = TestDatabase::new();
    let migrate = Program::new(&["migrate"]).env("DATABASE_URL", database.url());
    migrate.run().exits_with(0);
    for _ in 0..40 {
        Program::with_settings(&["check"])
            .env("DATABASE_URL", database.url())
            .run()
            .exits_with(0);
    }
}

#[test]
fn without_any_setting_every_missing_one_is_named() {
    let output = Program::new(&["check"]).run().exits_with(1);
    for part in [
        "WORKOS_API_KEY: not set.",
        "HINT: WORKOS_API_KEY wants a key that starts with `sk_`",
        "WORKOS_CLIENT_ID: not set.",
        "HINT: WORKOS_CLIENT_ID wants an id that starts with `client_`",
        "SECRET_KEY: not set.",
        "HINT: SECRET_KEY wants at least 32 bytes",
        "(settings.E001)",
        "System check identified 3 issues (0 silenced).",
    ] {
        assert!(output.stderr.contains(part), "no {part:?} in {output:#?}");
    }
    output.leaves_files(&[]);
}

#[test]
fn each_malformed_setting_is_named_with_its_value_and_its_mend() {
    for (name, value, mend) in [
        ("WORKOS_CLIENT_ID", "project_1", "starts with `client_`"),
        ("WORKOS_API_BASE_URL", "api.workos.com", "an http(s) URL"),
        (
            "WORKOS_REDIRECT_URI",
            "/auth/callback",
            "the whole http(s) URL",
        ),
        ("WORKOS_LOGOUT_RETURN_TO", "ftp://example.com", "or nothing"),
        ("DATABASE_POOL_SIZE", "0", "from 1 to 1000"),
        ("BIND", "8000", "such as 127.0.0.1:8000"),
        ("PUBLIC_URL", "https://example.com/app", "without a path"),
        ("ALLOWED_HOSTS", "https://example.com", "without a port"),
        ("SESSION_COOKIE_NAME", "session id", "a cookie's name"),
        ("SESSION_COOKIE_AGE", "two weeks", "from 1 to 34560000"),
        ("SESSION_STALE_GRACE", "an hour", "from 0 to 604800"),
        ("WORKOS_JWT_ISSUERS", "api.workos.com", "http(s) URLs"),
        (
            "LOGIN_REDIRECT_URL",
            "//evil.example",
            "a path of this site",
        ),
        (
            "CORS_ALLOWED_ORIGINS",
            "example.com",
            "origins between commas",
        ),
        ("TRUSTED_PROXIES", "proxy", "addresses or networks"),
        ("RUST_LOG", "loud=very", "levels as env_logger reads them"),
        ("LOG_FORMAT", "xml", "text or json"),
    ] {
        let output = check(&[], &[(name, value)]).exits_with(1);
        let problem = format!("?: (settings.E001) {name}: read `{value}`.");
        assert!(output.stderr.contains(&problem), "{output:#?}");
        let hint = format!("HINT: {name} wants ");
        let hint = output.stderr.lines().find(|line| line.contains(&hint));
        assert!(hint.is_some_and(|hint| hint.contains(mend)), "{output:#?}");
        assert!(
            output.stderr.ends_with("identified 1 issue (0 silenced)."),
            "{output:#?}"
        );
        // What the server itself says is the same on one line.
        let arguments = ["runserver"];
        Program::with_settings(&arguments)
            .env(name, value)
            .run()
            .exits_with(1)
            .reports_one_error(&[name, &format!("`{value}`"), mend])
            .leaves_files(&[]);
    }
}

#[test]
fn a_malformed_secret_is_named_and_never_shown() {
    for (name, value) in [
        ("WORKOS_API_KEY", "pk_hunter2"),
        ("SECRET_KEY", "hunter2"),
        ("SECRET_KEY_FALLBACKS", "hunter2"),
        ("DATABASE_URL", "mysql://app:hunter2@host/app"),
        // Secrets in a wrong place.
        ("WORKOS_CLIENT_ID", API_KEY),
        ("WORKOS_CLIENT_ID", "sk_hunter2"),
        ("PUBLIC_URL", "https://app:hunter2@example.com"),
        ("WORKOS_API_BASE_URL", "https://app:hunter2@example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://app:hunter2@example.com"),
        ("LOG_FORMAT", "sk_hunter2"),
    ] {
        let output = check(&[], &[(name, value)]).exits_with(1);
        assert!(output.stderr.contains(&format!("{name}: ")), "{output:#?}");
        assert!(!output.stderr.contains("hunter2"), "{output:#?}");
    }
}

#[test]
fn a_value_with_a_newline_stays_on_its_line() {
    let settings = [("LOG_FORMAT", "xml\nvestibule: all is well\u{1b}[2J")];
    let output = check(&[], &settings).exits_with(1);
    assert!(
        output
            .stderr
            .contains(r"read `xml\nvestibule: all is well\u{1b}[2J`"),
        "{output:#?}"
    );
}

#[test]
fn the_level_that_fails_can_be_chosen() {
    let odd = [("WORKOS_REDIRECT_URI", "http://localhost:8000/elsewhere")];
    let output = check(&[], &odd).exits_with(0);
    assert!(
        output.stdout.contains("WARNINGS:\n?: (workos.W001)"),
        "{output:#?}"
    );
    for level in ["WARNING", "warning", "INFO", "DEBUG"] {
        let output = check(&["--fail-level", level], &odd).exits_with(1);
        assert!(output.stderr.contains("workos.W001"), "{output:#?}");
    }
    for level in ["ERROR", "CRITICAL"] {
        check(&["--fail-level", level], &odd).exits_with(0);
    }
    check(&["--fail-level", "WARNING"], &[]).exits_with(0);
}

#[test]
fn a_contradiction_is_an_error_that_runserver_refuses_too() {
    for (name, value, id) in [
        (
            "WORKOS_REDIRECT_URI",
            "https://elsewhere.example/auth/callback",
            "workos.E001",
        ),
        ("SESSION_COOKIE_NAME", "__Host-sessionid", "session.E001"),
    ] {
        let output = check(&[], &[(name, value)]).exits_with(1);
        assert!(output.stderr.contains(id), "{output:#?}");
        let output = Program::with_settings(&["runserver"])
            .env(name, value)
            .run();
        assert!(output.exits_with(1).stderr.contains(id));
    }
}

#[test]
fn a_database_that_is_not_ready_is_told() {
    let output = Program::with_settings(&["check"]).run().exits_with(0);
    assert!(output.stdout.contains("(database.W001)"), "{output:#?}");
    assert!(
        output.stdout.contains("HINT: Run `vestibule migrate`."),
        "{output:#?}"
    );
    let output = output.leaves_files(&[]);
    assert!(
        output.stdout.contains("vestibule.sqlite3 does not exist"),
        "{output:#?}"
    );
    let output = Program::with_settings(&["check"])
        .file("vestibule.sqlite3", &"no database ".repeat(200))
        .run()
        .exits_with(1);
    assert!(output.stderr.contains("(database.E001)"), "{output:#?}");
}

#[test]
fn deploy_adds_what_matters_before_real_users_come() {
    let output = check(&["--deploy"], &[]).exits_with(0);
    assert!(output.stdout.contains("security.W008"), "{output:#?}");
    let sound = [
        ("PUBLIC_URL", "https://app.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
        ("WORKOS_API_KEY", "sk_live_made_up"),
    ];
    let output = check(&["--deploy", "--fail-level", "WARNING"], &sound).exits_with(0);
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
        ("WORKOS_API_BASE_URL", "http://192.0.2.1", "workos.W002"),
        ("WORKOS_API_KEY", "sk_test_made_up", "workos.W003"),
        ("TRUSTED_PROXIES", "", "proxy.W001"),
    ] {
        let settings = [&sound[..], &[(name, value)]].concat();
        let output = check(&["--deploy", "--fail-level", "WARNING"], &settings).exits_with(1);
        assert!(output.stderr.contains(id), "{output:#?}");
    }
}

#[test]
fn online_proves_key_and_client_id_against_workos() {
    let workos = authkit_emulator::start(Config {
        api_key: API_KEY.to_owned(),
        client_id: "client_made_up".to_owned(),
        ..Config::default()
    });
    let workos = workos.unwrap();
    let base = ("WORKOS_API_BASE_URL", workos.base_url());
    let base = (base.0, base.1.as_str());
    let output = check(&["--online"], &[base]).exits_with(0);
    assert!(output.stdout.contains("workos.I001"), "{output:#?}");
    for wrong in [
        ("WORKOS_API_KEY", "sk_test_another"),
        ("WORKOS_CLIENT_ID", "client_another"),
    ] {
        let output = check(&["--online"], &[base, wrong]).exits_with(1);
        assert!(output.stderr.contains("(workos.E002)"), "{output:#?}");
        assert!(
            output.stderr.contains("same WorkOS environment"),
            "{output:#?}"
        );
    }
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let output = check(&["--online"], &[("WORKOS_API_BASE_URL", &nowhere)]).exits_with(1);
    assert!(output.stderr.contains("(workos.E003)"), "{output:#?}");
    assert!(
        output.stderr.contains("HINT: Check WORKOS_API_BASE_URL"),
        "{output:#?}"
    );
}
