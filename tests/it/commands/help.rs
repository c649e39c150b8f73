//! Help and wrong usage.

use crate::support::program::Program;

#[test]
fn the_help_of_each_command_explains_its_options() {
    let all = Program::new(&["--help"]).run().exits_with(0).stdout;
    for part in [
        "runserver",
        "migrate",
        "check",
        "createsuperuser",
        "changepassword",
        "deactivate",
        "logout",
        "activate",
        "flushexpiredtokens",
        "backup",
        "restore",
        "openapi",
        "import-django",
        "emulator",
        "--version",
        ".env.example",
        "AuthKit",
        "password",
        "Google",
        "Okta",
        "sessions",
        "JSON API",
        "tokens",
        "webhooks",
        "SQLite or PostgreSQL",
    ] {
        assert!(all.contains(part), "no {part} in {all}");
    }
    assert!(all.contains("vestibule runserver --demo"), "{all}");
    for (command, parts) in [
        (
            "runserver",
            &[
                "--demo",
                "--bind <ADDR>",
                "instead of BIND",
                "--emulator-bind <ADDR>",
                "Default: a free port",
            ][..],
        ),
        ("migrate", &["--check", "--plan"]),
        (
            "check",
            &[
                "--deploy",
                "--fail-level <LEVEL>",
                "--online",
                "[default: ERROR]",
            ],
        ),
        (
            "createsuperuser",
            &["--email <EMAIL>", "--noinput", "DJANGO_SUPERUSER_PASSWORD"],
        ),
        ("changepassword", &["<EMAIL>"]),
        ("deactivate", &["<EMAIL>"]),
        ("activate", &["<EMAIL>"]),
        (
            "flushexpiredtokens",
            &[
                "refresh tokens, sessions and pending sign-ins",
                "webhook events",
            ],
        ),
        ("openapi", &["OpenAPI"]),
        (
            "import-django",
            &[
                "--from <URL>",
                "sqlite:PATH",
                "--table <TABLE>",
                "[default: auth_user]",
                "--workos-id-column <COLUMN>",
                "--emails-verified",
                "--dry-run",
            ],
        ),
        (
            "emulator",
            &["--bind <ADDR>", "--seed <FILE>", "127.0.0.1:4100"],
        ),
    ] {
        for flag in ["--help", "-h"] {
            let help = Program::new(&[command, flag]).run().exits_with(0);
            for part in parts {
                assert!(help.stdout.contains(part), "no {part} in {}", help.stdout);
            }
            assert_eq!(help.stderr, "");
        }
    }
    let version = Program::new(&["--version"]).run().exits_with(0).stdout;
    assert_eq!(version, concat!("vestibule ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_2_and_writes_nothing() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["migrate", "--nonsense"],
        &["migrate", "now"],
        &["runserver", "--bind"],
        &["runserver", "--bind", "8000"],
        &["runserver", "--bind", "example.com:80"],
        &["runserver", "--demo", "--bind", "nonsense"],
        &["runserver", "--emulator-bind", "127.0.0.1:4100"],
        &["runserver", "--demo", "--emulator-bind", "4100"],
        &["check", "--fail-level", "LOUD"],
        &["emulator", "--seed"],
        &["createsuperuser", "--email"],
        &["changepassword"],
        &["deactivate"],
        &["activate", "ada@example.com", "olive@example.com"],
        &["import-django"],
        &["import-django", "--from"],
    ] {
        let output = Program::with_settings(arguments).run().exits_with(2);
        assert!(
            output.stderr.contains("Usage:") || output.stderr.contains("--help"),
            "{output:#?}"
        );
        assert_eq!(output.stdout, "");
        output.leaves_files(&[]);
    }
    let output = Program::new(&["runserver", "--bind", "8000"]).run();
    assert!(
        output.stderr.contains("such as 127.0.0.1:8000"),
        "{output:#?}"
    );
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_of_one_line() {
    for arguments in [
        &["migrate"][..],
        &["migrate", "--plan"],
        &["emulator", "--bind", "127.0.0.1:0"],
    ] {
        Program::new(arguments)
            .env("RUST_LOG", "warn")
            .with_full_stdout()
            .run()
            .exits_with(1)
            .reports_one_error(&["cannot write", "No space left"]);
    }
}
