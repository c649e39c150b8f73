//! Password hashes of hashers that Django has removed, and of hashers that wrap them.

use reqwest::StatusCode;

use super::again::{is_signed_in, sign_in};
use super::sign_in::{can_sign_in, import};
use crate::support::app::{TestApp, Visitor};
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::Program;
use crate::support::real_django::RealDjango;

const PASSWORD: &str = "Correct-horse-9";
const MD5: &str = "md5$seasalt$e2f932ba0cd6b1ddad214732cec202d3";
/// Another hash of [`PASSWORD`].
const SHA1: &str = "sha1$seasalt$30679c9cb5b545dd2cfbf73e19348c7f35c88bff";
const VETERANS: [&str; 2] = ["--table", "people_veteran"];
const LEGACY: [&str; 4] = ["md5", "sha1", "unsalted_md5", "unsalted_sha1"];
const WRAPPED: [&str; 2] = ["wrapped_sha1", "wrapped_md5"];

#[tokio::test]
async fn old_hashes_of_a_real_django_are_accepted_once_and_replaced() {
    let ((django, _), app) = (RealDjango::on_this_runs_backend(), TestApp::start());
    import(
        &app,
        &django,
        &[&VETERANS[..], &["--legacy-hashers"]].concat(),
    );
    for name in LEGACY.into_iter().chain(WRAPPED) {
        let email = format!("{name}@example.com");
        let before = app.user(&email).password;
        assert!(
            !can_sign_in(&app, &email, "Correct-horse-8").await,
            "{name}"
        );
        assert_eq!(app.user(&email).password, before);
        for _ in 0..2 {
            assert!(can_sign_in(&app, &email, PASSWORD).await, "{name}");
            let after = app.user(&email).password;
            assert!(after.starts_with("argon2$"), "{name}: {after}");
        }
    }
}

#[tokio::test]
async fn without_legacy_hashers_old_hashes_are_not_imported_but_counted() {
    let ((django, _), app) = (RealDjango::on_this_runs_backend(), TestApp::start());
    let options = [&["import-django", "--from", django.url()], &VETERANS[..]].concat();
    let program = Program::new(&options).env("DATABASE_URL", app.database_url());
    let output = program.run().exits_with(0);
    for line in LEGACY
        .map(|name| format!("1 {name}\n"))
        .into_iter()
        .chain(WRAPPED.map(|name| format!("1 pbkdf2_{name}\n")))
        .chain(["4 hashes of hashers that Django has removed, not imported; see --legacy-hashers: 1, 2, 3, 4".to_owned()])
    {
        assert!(output.stdout.contains(&line), "{line}: {output:#?}");
    }
    for name in LEGACY {
        let email = format!("{name}@example.com");
        assert!(app.user(&email).password.starts_with('!'));
        assert!(!can_sign_in(&app, &email, PASSWORD).await, "{name}");
    }
    for name in WRAPPED {
        assert!(can_sign_in(&app, &format!("{name}@example.com"), PASSWORD).await);
    }
}

/// Imports two accounts with these options, signs the first in, and returns its token version.
fn two_accounts(options: &[&str]) -> (Django, ImportTarget, i64) {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=2 {
        django.add(id, &format!("{id}@example.com"));
        django.set(id, &format!("password = '{MD5}'"));
    }
    target.import(&django, options);
    sign_in(&target, 1);
    let version = target.user(1).token_version;
    (django, target, version)
}

#[test]
fn a_later_import_with_legacy_hashers_adds_the_hash_and_ends_no_session() {
    let (django, target, version) = two_accounts(&[]);
    assert!(target.user(1).password.starts_with('!'));
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 2, 0]);
    let with = target.import(&django, &["--legacy-hashers"]);
    assert_eq!(counts(&with, 0), [0, 2, 0, 0]);
    assert_eq!(target.user(1).password, format!("legacy${MD5}"));
    assert!(is_signed_in(&target, 1));
    assert_eq!(target.user(1).token_version, version);
}

#[test]
fn a_later_import_without_legacy_hashers_leaves_passwords_alone() {
    let (django, target, _) = two_accounts(&["--legacy-hashers"]);
    let without = target.import(&django, &[]);
    assert_eq!(counts(&without, 0), [0, 0, 2, 0]);
    assert_eq!(target.user(1).password, format!("legacy${MD5}"));
    django.set(1, &format!("password = '{SHA1}'"));
    let changed = target.import(&django, &["--legacy-hashers"]);
    assert_eq!(counts(&changed, 0), [0, 1, 1, 0]);
    assert_eq!(target.user(1).password, format!("legacy${SHA1}"));
}

/// A hash that has the stored form already was not made by a hasher of Django's.
#[test]
fn the_stored_form_itself_is_not_imported() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    django.set(1, &format!("password = 'legacy${MD5}'"));
    target.import(&django, &["--legacy-hashers"]);
    assert!(target.user(1).password.starts_with('!'));
}

/// Argon2 with 200 MiB, and a made-up hash.
const LARGE: &str =
    "argon2$argon2id$v=19$m=204800,t=2,p=4$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw";

#[test]
fn argon2_hashes_that_demand_more_memory_need_a_setting() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    django.set(1, &format!("password = '{LARGE}'"));
    let dry = |memory: &str| {
        let program = target.program(django.url(), &["--dry-run"]);
        program.env("ARGON2_MAX_MEMORY", memory).run()
    };
    for (memory, line) in [("128", "1 unknown"), ("200", "1 argon2")] {
        let output = dry(memory).exits_with(0);
        assert!(output.stdout.contains(line), "{memory}: {output:#?}");
    }
    for memory in ["127", "257"] {
        dry(memory)
            .exits_with(1)
            .reports_one_error(&["ARGON2_MAX_MEMORY"]);
    }
    target.import(&django, &[]);
    let check = |memory: &str| {
        let program = Program::with_settings(&["check", "--verbose"]);
        let program = program.env("DATABASE_URL", target.url());
        program.env("ARGON2_MAX_MEMORY", memory).run().exits_with(0)
    };
    assert!(check("128").stdout.contains("unknown 1 (accounts 1)."));
    assert!(!check("200").stdout.contains("accounts.W002"));
}

/// Argon2 with 256 MiB, the most that the setting permits, in a process of its own: the limit is one of the process.
#[tokio::test]
async fn an_argon2_hash_of_a_real_django_with_256_mib_signs_in_with_the_setting() {
    let ((_, made), django) = (RealDjango::on_this_runs_backend(), Django::new());
    let target = ImportTarget::new();
    django.add(1, "ada@example.com");
    django.set(1, &format!("password = '{}'", made.large_argon2));
    target.import(&django, &[]);
    for (memory, is_good) in [("128", false), ("256", true)] {
        let server = Program::with_settings(&["runserver", "--bind", "127.0.0.1:0"])
            .env("DATABASE_URL", target.url())
            .env("ARGON2_MAX_MEMORY", memory)
            .start();
        let line = server.wait_for_output("listening on ");
        let (_, address) = line.split_once("listening on ").unwrap();
        let visitor = Visitor::new(&format!("http://{}", address.trim_end_matches(')')));
        let response = visitor.log_in("ada@example.com", "Correct-horse-9").await;
        assert_eq!(response.status() == StatusCode::FOUND, is_good, "{memory}");
    }
    // It is not weaker than a new hash, so it stays.
    assert_eq!(target.user(1).password, made.large_argon2);
}
