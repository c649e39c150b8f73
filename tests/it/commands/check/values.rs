//! Values that a setting cannot have.

use super::{check, check_on};
use crate::support::database::TestDatabase;
use crate::support::program::{API_KEY, Program};

#[test]
fn without_any_setting_every_missing_one_is_named() {
    let output = Program::new(&["check"]).run().exits_with(1);
    for part in [
        "WORKOS_API_KEY: not set.",
        "HINT: Set it to a key that starts with `sk_`",
        "WORKOS_CLIENT_ID: not set.",
        "HINT: Set it to one id that starts with `client_`",
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
        ("WORKOS_CLIENT_ID", "client_1,client_2", "one id"),
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
