//! `PASSWORD_BLOCKLIST_FILE`: passwords that no command accepts.

use std::fs;

use super::{GOOD, MigratedDatabase, has_password};
use crate::support::blocklist::{BREACHED, content};
use crate::support::program::Program;

const SETTING: &str = "PASSWORD_BLOCKLIST_FILE";
const MESSAGE: &str = "This password has appeared in a data breach.";

/// A blocklist with this content, and its folder.
fn blocklist(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocklist.txt");
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn changepassword_and_createsuperuser_refuse_a_breached_password() {
    let (_folder, path) = blocklist(&content());
    let accounts = MigratedDatabase::new();
    accounts.add("ada@example.com", "!");
    let change = accounts
        .command(&["changepassword", "ada@example.com"])
        .env(SETTING, &path)
        .input(&format!("{BREACHED}\n{BREACHED}\n{GOOD}\n{GOOD}\n"))
        .run()
        .exits_with(0);
    assert_eq!(change.stderr, MESSAGE);
    assert!(has_password(&accounts.user("ada@example.com"), GOOD));
    let create = |password: &str| {
        accounts
            .command(&[
                "createsuperuser",
                "--noinput",
                "--email",
                "root@example.com",
            ])
            .env(SETTING, &path)
            .env("DJANGO_SUPERUSER_PASSWORD", password)
            .run()
    };
    let refused = create(BREACHED).exits_with(1);
    assert_eq!(refused.stderr, format!("CommandError: {MESSAGE}"));
    create(GOOD).exits_with(0);
}

#[test]
fn a_blocklist_that_cannot_be_searched_is_reported_by_every_command_that_needs_it() {
    let (_folder, path) = blocklist("password\nletmein\n");
    let accounts = MigratedDatabase::new();
    let url = accounts.test.url();
    for path in [path.as_str(), "no/such/file.txt"] {
        for command in [
            &["check"][..],
            &["runserver"],
            &["createsuperuser", "--noinput"],
        ] {
            let output = Program::with_settings(command)
                .env("DATABASE_URL", url)
                .env(SETTING, path)
                .run()
                .exits_with(1);
            assert!(output.stderr.contains(SETTING), "{output:#?}");
        }
        let check = Program::with_settings(&["check"]).env("DATABASE_URL", url);
        let check = check.env(SETTING, path).run().exits_with(1);
        assert!(check.stderr.contains("(passwords.E001)"), "{check:#?}");
    }
}
