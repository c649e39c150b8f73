//! `vestibule check`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use authkit_emulator::Config;

use crate::support::database::TestDatabase;
use crate::support::program::{API_KEY, Program, ProgramOutput};
use crate::support::site::free_port;
use crate::support::tokens::write_private_key;

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
fn without_any_setting_every_missing_one_is_named() {
    let output = Program::new(&["check"]).run().exits_with(1);
    for part in [
        "WORKOS_API_KEY: not set.",
        "HINT: Set it to a key that starts with `sk_`",
        "WORKOS_CLIENT_ID: not set.",
        "HINT: Set it to an id that starts with `client_`",
        "SECRET_KEY: not set.",
        "HINT: Set it to at least 32 random bytes",
        "(settings.E001)",
        "System check identified 3 issues (0 silenced).",
    ] {
        assert!(output.stderr.contains(part), "no {part:?} in {output:#?}");
    }
    output.leaves_files(&[]);
}

#[test]
fn each_malformed_setting_is_reported_with_its_value_and_what_to_set() {
    let database = TestDatabase::migrated();
    for (name, value, expected) in [
        ("WORKOS_CLIENT_ID", "project_1", "starts with `client_`"),
        ("WORKOS_API_BASE_URL", "api.workos.com", "an https URL"),
        ("WORKOS_API_BASE_URL", "http://192.0.2.1", "an https URL"),
        (
            "WORKOS_API_BASE_URL",
            "http://workos.example",
            "http only on this machine",
        ),
        ("OKTA_ISSUER", "http://okta.example", "https URL"),
        ("GOOGLE_ISSUER", "http://192.0.2.1", "https URL"),
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
        ("RUST_LOG", "loud", "off, error, warn, info, debug or trace"),
        ("RUST_LOG", "loud=very", "such as vestibule=debug"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("TOKEN_CLAIMS", "shoe_size", "org_id, role"),
    ] {
        let output = check_on(&database, &[], &[(name, value)]).exits_with(1);
        let problem = format!("?: (settings.E001) {name}: `{value}` is not valid.");
        assert!(output.stderr.contains(&problem), "{output:#?}");
        let mut lines = output.stderr.lines();
        let hint = lines.find(|line| line.contains("HINT: Set it to "));
        assert!(
            hint.is_some_and(|hint| hint.contains(expected)),
            "{output:#?}"
        );
        assert!(
            output.stderr.ends_with("identified 1 issue (0 silenced)."),
            "{output:#?}"
        );
        // The server reports the same on one line.
        let arguments = ["runserver"];
        Program::with_settings(&arguments)
            .env(name, value)
            .run()
            .exits_with(1)
            .reports_one_error(&[name, &format!("`{value}`"), expected])
            .leaves_files(&[]);
    }
}

#[test]
fn a_malformed_secret_is_reported_and_never_shown() {
    let database = TestDatabase::migrated();
    for (name, value) in [
        ("WORKOS_API_KEY", "pk_hunter2"),
        ("SECRET_KEY", "hunter2"),
        ("SECRET_KEY_FALLBACKS", "hunter2"),
        ("SECRET_KEY", "hunter2hunter2hunter2hunter2hunter2hunter2"),
        (
            "SECRET_KEY",
            "django-insecure-hunter2-with-more-than-fifty-characters",
        ),
        (
            "SECRET_KEY_FALLBACKS",
            "django-insecure-hunter2-with-more-than-fifty-characters",
        ),
        (
            "JWT_SIGNING_KEY",
            "django-insecure-hunter2-with-more-than-fifty-characters",
        ),
        ("DATABASE_URL", "mysql://app:hunter2@host/app"),
        // Secrets in the variable of another setting.
        ("WORKOS_CLIENT_ID", API_KEY),
        ("WORKOS_CLIENT_ID", "sk_hunter2"),
        ("PUBLIC_URL", "https://app:hunter2@example.com"),
        ("WORKOS_API_BASE_URL", "https://app:hunter2@example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://app:hunter2@example.com"),
        ("LOG_FORMAT", "sk_hunter2"),
    ] {
        let output = check_on(&database, &[], &[(name, value)]).exits_with(1);
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
            .contains(r"`xml\nvestibule: all is well\u{1b}[2J` is not valid"),
        "{output:#?}"
    );
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
fn a_database_that_is_missing_or_broken_is_reported() {
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
fn a_hint_does_not_repeat_its_message() {
    let output = Program::with_settings(&["check"]).run().exits_with(0);
    let once = output.stdout.matches("vestibule migrate").count();
    assert_eq!(once, 1, "{output:#?}");
    let missing = Program::new(&["check"]).run().exits_with(1);
    assert_eq!(missing.stderr.matches("WORKOS_API_KEY").count(), 1);
}

/// Variables of the environment may be those of another program.
#[test]
fn a_setting_of_django_in_dotenv_is_reported_with_ours() {
    let line = "(settings.W004) SIGNING_KEY in .env is a setting of Django and has no effect here.\n\tHINT: Set JWT_SIGNING_KEY.";
    let program = Program::with_settings(&["check"]);
    let in_file = program.file(".env", "SIGNING_KEY=hunter2\nDEBUG=True\nOTHER=1\n");
    let output = in_file.run().exits_with(0);
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(output.stdout.contains("(settings.W004) DEBUG in .env"));
    assert_eq!(output.stdout.matches("settings.W004").count(), 2);
    assert!(!output.stdout.contains("hunter2"), "{output:#?}");
    let program = Program::with_settings(&["check"]);
    let in_environment = program.env("SIGNING_KEY", "hunter2").env("DEBUG", "1");
    let output = in_environment.run().exits_with(0);
    assert!(!output.stdout.contains("settings.W004"), "{output:#?}");
}

#[test]
fn a_misspelt_setting_is_reported_with_the_right_name() {
    let warning = "?: (settings.W002) DATABSE_URL is not a setting; did you mean DATABASE_URL?";
    let line = "vestibule: warning: DATABSE_URL is not a setting; did you mean DATABASE_URL?";
    let misspelt = ("DATABSE_URL", "sqlite:hunter2.sqlite3");
    let output = Program::with_settings(&["check"])
        .env(misspelt.0, misspelt.1)
        .run()
        .exits_with(0);
    assert!(output.stdout.contains(warning), "{output:#?}");
    assert!(!output.stdout.contains("hunter2"), "{output:#?}");
    // `migrate` would otherwise create the default database silently.
    let output = Program::new(&["migrate"])
        .file(".env", "DATABSE_URL=sqlite:hunter2.sqlite3\n")
        .run()
        .exits_with(0);
    assert_eq!(output.stderr, line);
    // A required setting that is misspelt is missing, and both are reported.
    let output = Program::new(&["runserver"])
        .env("SECRETKEY", "hunter2")
        .run()
        .exits_with(1);
    let meant = "vestibule: SECRETKEY is not a setting; did you mean SECRET_KEY?";
    assert!(
        output.stderr.lines().any(|line| line == meant),
        "{output:#?}"
    );
    assert!(!output.stderr.contains("hunter2"), "{output:#?}");
}

#[test]
fn variables_of_other_programs_are_not_reported() {
    let mut program = Program::with_settings(&["migrate"]);
    for name in [
        "PATH", "HOME", "LANG", "TERM", "USER", "SHELL", "HOSTNAME", "EDITOR", "MAIL",
    ] {
        program = program.env(name, "/usr/bin");
    }
    assert_eq!(program.run().exits_with(0).stderr, "");
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

#[test]
fn hosts_that_browsers_cannot_use_are_reported() {
    let url = ("PUBLIC_URL", "https://app.example.com");
    let hosts = ("ALLOWED_HOSTS", "www.example.com");
    let output = check(&[], &[url, hosts]).exits_with(0);
    let message = "?: (hosts.W001) ALLOWED_HOSTS does not include app.example.com";
    assert!(output.stdout.contains(message), "{output:#?}");
    let output = check(&[], &[("BIND", "0.0.0.0:8000")]).exits_with(0);
    assert!(output.stdout.contains("(hosts.W002)"), "{output:#?}");
    assert!(
        output.stdout.contains("HINT: Set PUBLIC_URL to"),
        "{output:#?}"
    );
}

#[test]
fn files_that_other_users_can_read_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let key = write_private_key(folder.path(), "EdDSA");
    for (mode, is_exposed) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let program = Program::with_settings(&["check"])
            .env("JWT_ALGORITHM", "EdDSA")
            .env("JWT_SIGNING_KEY", &key)
            .file_with_mode(".env", "LOG_FORMAT=json\n", mode)
            .file_with_mode("vestibule.sqlite3", "", mode)
            .file_with_mode("vestibule.sqlite3-wal", "", mode);
        let output = program.run();
        let text = format!("{}{}", output.stdout, output.stderr);
        let key_is_exposed = format!("(tokens.W002) {key} can be");
        for line in [
            "(settings.W003) .env can be read or changed by other users",
            &key_is_exposed,
            "(database.W002) vestibule.sqlite3 can be",
            "(database.W002) vestibule.sqlite3-wal can be",
            "HINT: Run `chmod 600 .env`.",
        ] {
            assert_eq!(
                text.contains(line),
                is_exposed,
                "{mode:o}: {line} in {text}"
            );
        }
    }
}

#[test]
fn other_users_cannot_read_a_database_that_migrate_has_created() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/app.sqlite3", folder.path().display());
    Program::new(&["migrate"])
        .env("DATABASE_URL", &url)
        .run()
        .exits_with(0);
    let file = std::fs::metadata(folder.path().join("app.sqlite3")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let output = Program::with_settings(&["check"])
        .env("DATABASE_URL", &url)
        .run()
        .exits_with(0);
    assert_eq!(output.stdout, FINE);
}

#[test]
fn a_key_file_that_does_not_exist_is_reported_as_such() {
    let settings = [
        ("JWT_ALGORITHM", "EdDSA"),
        ("JWT_SIGNING_KEY", "keys/jwt.pem"),
    ];
    let output = check(&[], &settings).exits_with(1);
    let message = "?: (settings.E001) JWT_SIGNING_KEY: the file `keys/jwt.pem` does not exist.";
    assert!(output.stderr.contains(message), "{output:#?}");
}
