//! Second factors of django-allauth and django-otp, with `--require-totp`.

use diesel::prelude::*;
use totp_rs::{Builder, Secret};
use vestibule::accounts::passwords::is_usable;
use vestibule::db::schema::{recovery_codes, totp_factors, users};

use super::again::{is_signed_in, sign_in};
use crate::support::app::{SECRET_KEY, TestApp, location};
use crate::support::django::{Django, ImportTarget};
use crate::support::program::{Program, ProgramOutput};
use crate::support::real_django::RealAllauth;

const PASSWORD: &str = "Correct-horse-9";

/// Imports with second factors into the database at `url`.
pub(super) fn import(url: &str, django: &Django, options: &[&str]) -> ProgramOutput {
    let output = program(url, django, options).run().exits_with(0);
    assert_eq!(output.stderr, "");
    output
}

/// The command that imports with second factors.
pub(super) fn program(url: &str, django: &Django, options: &[&str]) -> Program {
    let arguments = ["import-django", "--from", django.url(), "--require-totp"];
    let program = Program::with_settings(&[&arguments[..], options].concat());
    program
        .env("DATABASE_URL", url)
        .env("SECRET_KEY", SECRET_KEY)
}

pub(super) fn factors(target: &ImportTarget) -> Vec<i64> {
    target.rows(|conn| {
        let all = totp_factors::table.order(totp_factors::user_id);
        all.select(totp_factors::user_id).load(conn)
    })
}

#[tokio::test]
async fn authenticator_apps_of_a_real_django_are_asked_for_codes() {
    let ((django, made), app) = (RealAllauth::on_this_runs_backend(), TestApp::start());
    let output = import(app.database_url(), &django, &[]);
    assert!(
        output.stdout.contains("2 authenticator apps\n"),
        "{output:#?}"
    );
    assert_eq!(made.secrets.len(), 2);
    for (email, secret) in &made.secrets {
        let visitor = app.visitor();
        let response = visitor.log_in(email, PASSWORD).await;
        assert_eq!(location(&response), "/login/code", "{email}");
        let secret = Secret::try_from_base32(secret).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        let seconds = u64::try_from(app.now().seconds()).unwrap();
        let code = totp.generate(seconds).to_string();
        let response = visitor.submit("/login/code", &[("code", &code)]).await;
        assert_eq!(location(&response), "/", "{email}");
        assert!(visitor.is_signed_in().await);
    }
    for name in ["finn", "gina", "hugo"] {
        let visitor = app.visitor();
        visitor
            .log_in(&format!("{name}@example.com"), PASSWORD)
            .await;
        assert!(!visitor.is_signed_in().await, "{name}");
    }
}

#[test]
fn accounts_with_another_factor_have_no_password_and_are_named() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    let dry = import(target.url(), &django, &["--dry-run"]);
    assert_eq!(factors(&target), [0_i64; 0]);
    let output = import(target.url(), &django, &[]);
    assert_eq!(
        dry.stdout.replace(", had this not been a dry run", ""),
        output.stdout
    );
    for line in [
        "second factor that does not exist here, so that these accounts have no password:\n    7, 8, 9",
        "1 account with recovery codes or further second factors, which are not imported: 5",
        "1 otp_hotp_hotpdevice",
    ] {
        assert!(output.stdout.contains(line), "{line}: {}", output.stdout);
    }
    assert!(!output.stdout.contains("a password alone"), "{output:#?}");
    let (_, not_imported) = output.stdout.split_once("Not imported").unwrap();
    assert!(!not_imported.contains("mfa_authenticator"), "{output:#?}");
    assert!(output.stdout.contains("3 mfa_authenticator"), "{output:#?}");
    assert_eq!(factors(&target), [5, 6]);
    for id in 1..=9 {
        assert_eq!(is_usable(&target.user(id).password), id < 7, "{id}");
    }
    let codes = target.rows(|conn| recovery_codes::table.count().get_result::<i64>(conn));
    assert_eq!(codes, 0);
    // Nothing changes by itself.
    let again = import(target.url(), &django, &[]);
    assert!(!again.stdout.contains("authenticator apps"), "{again:#?}");
    assert_eq!(factors(&target), [5, 6]);
}

#[test]
fn factors_are_added_to_accounts_that_were_imported_without_them() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    target.import(&django, &[]);
    for id in [1, 5] {
        sign_in(&target, id);
    }
    let version = target.user(5).token_version;
    let output = import(target.url(), &django, &[]);
    assert_eq!(factors(&target), [5, 6]);
    assert!(is_signed_in(&target, 1) && !is_signed_in(&target, 5));
    assert_eq!(target.user(5).token_version, version + 1);
    // Their passwords were imported before.
    let named = "`vestibule deactivate EMAIL`:\n    7, 8, 9";
    assert!(output.stdout.contains(named), "{output:#?}");
}

#[test]
fn a_factor_follows_django_unless_it_was_changed_here() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    import(target.url(), &django, &[]);
    let secret = |id: i64| -> Vec<u8> {
        target.rows(|conn| {
            let row = totp_factors::table.find(id);
            row.select(totp_factors::secret).first(conn)
        })
    };
    let before = secret(6);
    // A new app in Django replaces the one that was imported.
    django.run("UPDATE otp_totp_totpdevice SET key = '3132333435363738393031323334353637383930'");
    import(target.url(), &django, &[]);
    assert_ne!(secret(6), before);
    // An app that was removed here stays removed.
    target.change(|conn| diesel::delete(totp_factors::table.find(5)).execute(conn));
    import(target.url(), &django, &[]);
    assert_eq!(factors(&target), [6]);
    // Nor is one added after the password was changed here.
    target.change(|conn| {
        diesel::update(users::table.find(6))
            .set(users::password.eq("!changed-here"))
            .execute(conn)
    });
    let kept = secret(6);
    django.run("UPDATE otp_totp_totpdevice SET key = '3132333435363738393031323334353637383931'");
    import(target.url(), &django, &[]);
    assert_eq!(secret(6), kept);
}

#[test]
fn an_app_that_was_removed_in_django_is_removed_here() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    import(target.url(), &django, &[]);
    django.run("DELETE FROM otp_totp_totpdevice; DELETE FROM mfa_authenticator WHERE user_id = 5");
    let output = import(target.url(), &django, &[]);
    assert!(
        output.stdout.contains("2 authenticator apps removed"),
        "{output:#?}"
    );
    assert_eq!(factors(&target), [0_i64; 0]);
}

#[test]
fn without_a_secret_key_no_factor_can_be_imported() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    let program = target.program(django.url(), &["--require-totp"]);
    let output = program.run().exits_with(1);
    assert!(output.stderr.contains("SECRET_KEY"), "{output:#?}");
    assert!(target.users().is_empty());
}
