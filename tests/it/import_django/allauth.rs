//! What accounts have in tables of django-allauth and in Django's groups.

use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::accounts::passwords::is_usable;
use vestibule::db::schema::{account_addresses, account_groups, identities, users};

use super::allauth_factors::factors;
use super::sign_in::import;
use crate::support::app::{TestApp, location};
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::Program;
use crate::support::real_django::{RealAllauth, RealDjango, dumpdata};
use crate::support::tokens::token_claims;

/// Google's issuer and that of `carol`'s ID token.
const GOOGLE: &str = "https://accounts.google.com";
const ACME: &str = "https://id.acme.example";
const OKTA: &str = "https://acme.okta.example";
const WITH_ACME: [&str; 2] = ["--issuer", "acme=https://id.acme.example"];
const WITH_OKTA: [&str; 2] = ["--issuer", "okta=https://acme.okta.example"];

fn real() -> (Django, ImportTarget) {
    let (django, _) = RealAllauth::on_this_runs_backend();
    (django, ImportTarget::new())
}

fn addresses(target: &ImportTarget) -> Vec<(String, i64)> {
    target.rows(|conn| {
        let all = account_addresses::table.order(account_addresses::email_key);
        let columns = (account_addresses::email_key, account_addresses::user_id);
        all.select(columns).load(conn)
    })
}

fn links(target: &ImportTarget) -> Vec<(String, String, i64)> {
    target.rows(|conn| identities::table.order(identities::issuer).load(conn))
}

fn groups(target: &ImportTarget) -> Vec<(i64, String)> {
    let mut all: Vec<(i64, String)> = target.rows(|conn| account_groups::table.load(conn));
    all.sort_unstable();
    all
}

fn owned<const N: usize>(rows: [(&str, &str, i64); N]) -> Vec<(String, String, i64)> {
    rows.map(|(issuer, subject, id)| (issuer.to_owned(), subject.to_owned(), id))
        .into()
}

#[test]
fn verified_addresses_identities_and_groups_are_imported() {
    let (django, target) = real();
    let output = target.import_with_dry_run(&django, &[]);
    assert_eq!(counts(&output, 0), [9, 0, 0, 0]);
    for line in [
        "       3 further email addresses\n",
        "       1 identity\n",
        "       3 group memberships\n",
        "1 further email address that is not verified, not imported: 1\n",
        "2 identities at providers whose issuers are unknown, not imported; see --issuer: 4 (",
        "1 identity at a provider of which only its own data says who it is, not imported; if it is this issuer, see --issuer: 4 (acme: https://id.acme.example)",
        "second factor not imported, so that a password alone lets these accounts in (see --require-totp):\n    5, 6, 7, 8, 9\n",
        "Not imported, by table:",
        "       3 auth_user_user_permissions\n",
        "       1 authtoken_token\n",
        "       4 mfa_authenticator\n",
        "       1 otp_hotp_hotpdevice\n",
        "       2 otp_totp_totpdevice",
    ] {
        assert!(output.stdout.contains(line), "{line}: {}", output.stdout);
    }
    let verified = target
        .users()
        .into_iter()
        .filter(|user| user.email_verified);
    let verified: Vec<i64> = verified.map(|user| user.id.into()).collect();
    assert_eq!(verified, [1, 3]);
    assert_eq!(
        addresses(&target),
        [
            ("ada@work.example".to_owned(), 1),
            // Bob has it as his own, and has not verified it.
            ("bob@example.com".to_owned(), 1),
            ("root@work.example".to_owned(), 3)
        ]
    );
    let expected = owned([(GOOGLE, "1001", 4)]);
    assert_eq!(links(&target), expected);
    assert_eq!(
        groups(&target),
        [
            (1, "Nachtschicht Ü".to_owned()),
            (1, "editors".to_owned()),
            (2, "editors".to_owned())
        ]
    );
}

/// `dumpdata` writes allauth's tables for every database that Django runs on.
#[test]
fn a_dump_with_allauths_tables_is_imported_as_the_database_is() {
    let (django, target) = real();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    let dump = dumpdata(&django, &["--settings", "settings_allauth"]);
    std::fs::write(&path, dump).unwrap();
    let from_dump = ImportTarget::new();
    let run = |target: &ImportTarget, from: &str| {
        let arguments = ["import-django", "--from", from, "--require-totp"];
        let program = Program::with_settings(&[&arguments[..], &WITH_OKTA].concat());
        program
            .env("DATABASE_URL", target.url())
            .run()
            .exits_with(0);
    };
    run(&target, django.url());
    run(&from_dump, path.to_str().unwrap());
    assert_eq!(addresses(&from_dump), addresses(&target));
    assert_eq!(links(&from_dump), links(&target));
    assert_eq!(groups(&from_dump), groups(&target));
    assert_eq!(factors(&from_dump), [5, 6]);
    for id in 1..=9 {
        assert_eq!(is_usable(&from_dump.user(id).password), id < 7, "{id}");
    }
}

#[test]
fn the_issuer_of_a_provider_can_be_named() {
    let (django, target) = real();
    target.import(&django, &[&WITH_OKTA[..], &WITH_ACME].concat());
    // The subject is Okta's, not the address that allauth uses as `uid`.
    let expected = owned([(GOOGLE, "1001", 4), (OKTA, "00u1", 4), (ACME, "c7", 4)]);
    assert_eq!(links(&target), expected);
    // A run without the option removes nothing.
    target.import(&django, &[]);
    assert_eq!(links(&target), expected);
    let setting = target.program(django.url(), &[]).env("OKTA_ISSUER", OKTA);
    let output = setting.run().exits_with(0);
    assert!(
        output
            .stdout
            .contains("not imported; see --issuer: 4 (github)")
    );
    let wrong = target.program(django.url(), &["--issuer", "okta"]).run();
    wrong.exits_with(2);
}

#[test]
fn a_later_import_restores_nothing_that_was_removed_here() {
    let (django, target) = real();
    target.import(&django, &[]);
    target.change(|conn| {
        diesel::delete(account_addresses::table).execute(conn)?;
        diesel::delete(identities::table).execute(conn)?;
        diesel::delete(account_groups::table).execute(conn)
    });
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 9, 0]);
    assert!(!again.stdout.contains("other tables"), "{again:#?}");
    assert!(addresses(&target).is_empty() && links(&target).is_empty());
    assert!(groups(&target).is_empty());
}

#[test]
fn changes_in_django_are_imported_and_removals_too() {
    let (django, target) = real();
    target.import(&django, &WITH_ACME);
    django.run(
        "DELETE FROM auth_user_groups WHERE user_id = 1; \
         DELETE FROM socialaccount_socialaccount WHERE provider = 'google'; \
         UPDATE account_emailaddress SET verified = false WHERE email = 'ada@work.example'; \
         UPDATE account_emailaddress SET verified = true WHERE email = 'ada@old.example'; \
         DELETE FROM account_emailaddress WHERE email = 'bob@example.com' AND user_id = 1; \
         UPDATE account_emailaddress SET verified = true WHERE email = 'bob@example.com'",
    );
    let output = target.import(&django, &[]);
    for line in [
        "1 further email address\n",
        "2 further email addresses removed\n",
        "1 identity removed\n",
        "2 group memberships removed\n",
    ] {
        assert!(output.stdout.contains(line), "{line}: {}", output.stdout);
    }
    assert_eq!(
        addresses(&target),
        [
            ("ada@old.example".to_owned(), 1),
            ("root@work.example".to_owned(), 3)
        ]
    );
    assert_eq!(links(&target), owned([(ACME, "c7", 4)]));
    assert_eq!(groups(&target), [(2, "editors".to_owned())]);
    assert!(target.user(2).email_verified);
}

/// Whoever has the account in Django may not be the account's owner any more.
#[test]
fn nothing_is_added_to_an_account_whose_password_was_changed_here() {
    let (django, target) = real();
    target.import(&django, &WITH_ACME);
    target.change(|conn| {
        let carol = users::table.find(4);
        diesel::update(carol)
            .set(users::password.eq("!changed-here"))
            .execute(conn)
    });
    let output = target.import(&django, &WITH_OKTA);
    assert!(
        output.stdout.contains("1 password changed here, so that"),
        "{output:#?}"
    );
    assert_eq!(
        links(&target),
        owned([(GOOGLE, "1001", 4), (ACME, "c7", 4)])
    );
}

#[test]
fn a_verified_own_address_of_a_later_account_is_no_further_address() {
    let (django, target) = real();
    target.import(&django, &[]);
    django.run(
        "UPDATE auth_user SET email = 'ada@work.example' WHERE id = 9; \
         UPDATE auth_user SET email = 'root@work.example' WHERE id = 8",
    );
    target.import(&django, &["--emails-verified"]);
    assert_eq!(addresses(&target), []);
    target.import(&django, &["--emails-verified"]);
    assert_eq!(addresses(&target), []);
}

#[test]
fn a_verified_own_address_of_another_account_is_not_imported_as_a_further_one() {
    let (django, target) = real();
    let dry = target.import(&django, &["--emails-verified", "--dry-run"]);
    let output = target.import(&django, &["--emails-verified"]);
    for output in [dry, output] {
        let line = "1 further email address of another account, not imported: 1\n";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    let own = addresses(&target).into_iter().map(|(key, _)| key);
    let own: Vec<_> = own.collect();
    assert_eq!(own, ["ada@work.example", "root@work.example"]);
}

/// Whoever signs up in Django with an address that they have not proved takes it from nobody.
#[test]
fn an_own_address_that_is_not_verified_takes_no_further_address_away() {
    let (django, target) = real();
    target.import(&django, &[]);
    let before = addresses(&target);
    django.run(
        "UPDATE auth_user SET email = 'root@work.example' WHERE id = 8; \
         INSERT INTO auth_user (id, username, first_name, last_name, email, password, \
           is_superuser, is_staff, is_active, date_joined) \
         VALUES (20, 'ivan', '', '', 'ada@work.example', '!', false, false, true, \
           '2026-01-01 00:00:00')",
    );
    for _ in 0..2 {
        target.import(&django, &[]);
        assert_eq!(addresses(&target), before);
        for (id, email) in [(8, "root@work.example"), (20, "ada@work.example")] {
            let user = target.user(id);
            assert_eq!((user.email.as_str(), user.email_verified), (email, false));
        }
    }
    // As soon as Django has verified it, it is theirs.
    django.run(
        "DELETE FROM account_emailaddress WHERE email = 'ada@work.example'; \
         UPDATE account_emailaddress SET email = 'ada@work.example', user_id = 20, verified = true \
         WHERE email = 'ada@old.example'",
    );
    target.import(&django, &[]);
    assert!(target.user(20).email_verified);
    let now = addresses(&target);
    let now: Vec<_> = now.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(now, ["bob@example.com", "root@work.example"]);
}

#[tokio::test]
async fn groups_are_named_to_applications() {
    let app = TestApp::builder().setting("TOKEN_CLAIMS", "groups").start();
    let (django, _) = RealAllauth::on_this_runs_backend();
    import(&app, &django, &[]);
    for (name, groups) in [
        ("ada", json!(["Nachtschicht Ü", "editors"])),
        ("carol", json!([])),
    ] {
        let visitor = app.visitor();
        let email = format!("{name}@example.com");
        assert_eq!(
            location(&visitor.log_in(&email, "Correct-horse-9").await),
            "/"
        );
        let me = visitor.page("/api/users/me").await;
        let me: Value = serde_json::from_str(&me).unwrap();
        assert_eq!(me["groups"], groups, "{me}");
        let tokens = visitor.post_json("/api/auth/session", &json!({})).await;
        let claims = token_claims(&tokens.text("access_token"));
        assert_eq!(claims["groups"], groups, "{claims}");
    }
}

/// Keys of two tables may be equal by chance.
#[test]
fn rows_of_another_user_table_are_given_to_nobody() {
    let (django, target) = real();
    django.run(
        "INSERT INTO people_reader (id, password, email, is_active, is_banned) \
         VALUES (1, '!', 'reader@example.com', true, false), (4, '!', 'other@example.com', true, false)",
    );
    let options = ["--table", "people_reader", "--closed-column", "is_banned"];
    let options = [&options[..], &["--closed-column", "deleted_at"]].concat();
    let output = target.import(&django, &options);
    assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
    assert!(addresses(&target).is_empty() && links(&target).is_empty());
    assert!(groups(&target).is_empty());
    assert!(!output.stdout.contains("second factor"), "{output:#?}");
}

/// Django without these packages has no further tables.
#[test]
fn a_django_without_allauth_reports_only_its_own_tables() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    let output = target.import(&django, &[]);
    for part in ["other tables", "second factor", "Not imported"] {
        assert!(!output.stdout.contains(part), "{part}: {output:#?}");
    }
}

#[test]
fn an_issuer_is_checked_and_a_provider_without_identities_is_noted() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    for wrong in [
        "okta=",
        "=https://acme.okta.example",
        "okta=acme.okta.example",
        "okta=http://acme.okta.example",
        "okta=https://acme.okta.example?x=1",
    ] {
        let output = target.program(django.url(), &["--issuer", wrong]).run();
        assert!(
            output.stderr.contains("such as okta=https://acme.okta.com"),
            "{output:#?}"
        );
    }
    assert!(target.users().is_empty());
    let trimmed = [
        "--issuer",
        " okta = https://acme.okta.example/ ",
        "--issuer",
        "octa=https://other.okta.example",
    ];
    let output = target.import(&django, &trimmed);
    let note =
        "1 provider of --issuer that no identity has: is it spelt as in Django's table?: octa";
    assert!(output.stdout.contains(note), "{output:#?}");
    let okta = links(&target)
        .into_iter()
        .find(|(_, subject, _)| subject == "00u1");
    assert_eq!(okta, owned([(OKTA, "00u1", 4)]).pop());
    // Counts have a singular.
    django.run("DELETE FROM socialaccount_socialaccount WHERE provider = 'okta'");
    let output = target.import(&django, &WITH_OKTA);
    assert!(
        output.stdout.contains("1 identity removed\n"),
        "{output:#?}"
    );
}
