//! Second factors and sources that do not show them: a view, a partial dump, a table that is gone.

use diesel::prelude::*;
use vestibule::accounts::passwords::is_usable;
use vestibule::db::schema::{django_import_items, identities, recovery_codes, users};

use super::allauth_factors::{factors, import, program};
use crate::support::django::{Django, ImportTarget};
use crate::support::real_django::RealAllauth;

fn imported() -> (Django, ImportTarget) {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    import(target.url(), &django, &[]);
    assert_eq!(factors(&target), [5, 6]);
    (django, target)
}

#[test]
fn an_app_stays_if_its_table_is_not_read() {
    let (django, target) = imported();
    django.run("DROP TABLE otp_totp_totpdevice");
    let output = import(target.url(), &django, &[]);
    let line = "1 authenticator app kept: this source lacks the table that it was imported from: 6";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(!output.stdout.contains("apps removed"), "{output:#?}");
    assert_eq!(factors(&target), [5, 6]);
}

#[test]
fn an_app_stays_after_a_change_here() {
    let (django, target) = imported();
    target.change(|conn| {
        diesel::update(users::table.find(6))
            .set(users::password.eq("!changed-here"))
            .execute(conn)?;
        let code = (
            recovery_codes::user_id.eq(5_i64),
            recovery_codes::code_hash.eq(vec![1_u8; 32]),
        );
        diesel::insert_into(recovery_codes::table)
            .values(code)
            .execute(conn)
    });
    django.run("DELETE FROM otp_totp_totpdevice; DELETE FROM mfa_authenticator WHERE user_id = 5");
    let output = import(target.url(), &django, &[]);
    let line = "2 authenticator apps kept, though Django has them no longer";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert_eq!(factors(&target), [5, 6]);
}

/// An import that verifies emails removes what another person may have set up here, and nothing else.
#[test]
fn an_app_stays_when_the_email_is_verified() {
    for with_factors in [true, false] {
        let (django, target) = imported();
        django.run("DROP TABLE otp_totp_totpdevice");
        match with_factors {
            true => import(target.url(), &django, &["--emails-verified"]),
            false => target.import(&django, &["--emails-verified"]),
        };
        assert!(target.user(6).email_verified);
        assert_eq!(factors(&target), [5, 6]);
    }
}

/// What may be another person's is removed, and the dry run names it too.
#[test]
fn what_was_set_up_here_is_named_when_the_email_is_verified() {
    for (with_factors, left) in [(true, &[5_i64][..]), (false, &[])] {
        let (django, target) = imported();
        target.change(|conn| {
            let link = (
                identities::issuer.eq("https://made-up.example"),
                identities::subject.eq("6"),
                identities::user_id.eq(6_i64),
            );
            diesel::insert_into(identities::table)
                .values(link)
                .execute(conn)?;
            diesel::update(users::table.find(6))
                .set(users::password.eq("pbkdf2_sha256$1$set$here"))
                .execute(conn)?;
            // From now on, the apps count as set up here.
            let apps = django_import_items::kind.eq("totp");
            diesel::delete(django_import_items::table.filter(apps)).execute(conn)
        });
        django.run("UPDATE otp_totp_totpdevice SET confirmed = false");
        let import = |options: &[&str]| match with_factors {
            true => import(target.url(), &django, options),
            false => target.import(&django, options),
        };
        let dry = import(&["--emails-verified", "--dry-run"]);
        assert_eq!(factors(&target), [5, 6]);
        let output = import(&["--emails-verified"]);
        assert_eq!(factors(&target), left);
        assert_eq!(
            dry.stdout.replace(", had this not been a dry run", ""),
            output.stdout
        );
        for part in [
            "authenticator apps that were set up here removed, because the import has verified the emails",
            "set one up again at /account/authenticator:\n    5, 6\n",
            "password that was set here replaced by Django's, because the import has verified the email:\n    6\n",
            "account whose link to Google or Okta that was made here was removed, because the import has verified the email:\n    6\n",
        ] {
            assert!(output.stdout.contains(part), "{part} in {}", output.stdout);
        }
        // Nothing is left to remove.
        let again = import(&["--emails-verified"]);
        assert!(!again.stdout.contains("has verified"), "{again:#?}");
    }
}

#[test]
fn a_view_shows_no_factors() {
    let (django, target) = imported();
    django.run("CREATE VIEW people AS SELECT * FROM auth_user");
    let refused = program(target.url(), &django, &["--table", "people"]).run();
    refused
        .exits_with(1)
        .reports_one_error(&["--require-totp: people is a view", "--view-of"]);
    assert_eq!(factors(&target), [5, 6]);
    let output = target.import(&django, &["--table", "people"]);
    let line = "\nSecond factors: not known, because people is a view.";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert_eq!(factors(&target), [5, 6]);
}

#[test]
fn a_table_to_which_no_factors_refer_is_refused_with_the_option() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ada@example.com");
    let refused = program(target.url(), &django, &[]).run();
    refused
        .exits_with(1)
        .reports_one_error(&["no table of second factors refers to auth_user"]);
    assert!(target.users().is_empty());
}

/// The tables of django-trench and django-mfa2, which names its users by their usernames.
#[test]
fn factors_of_other_packages_are_named_and_withhold_the_password() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=5 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run("UPDATE auth_user SET password = 'pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM='");
    django.run(
        "CREATE TABLE trench_mfamethod (id integer PRIMARY KEY, is_active bool NOT NULL, \
             user_id integer NOT NULL REFERENCES auth_user (id)); \
         INSERT INTO trench_mfamethod VALUES (1, true, 1), (2, false, 2); \
         CREATE TABLE mfa_user_keys (id integer PRIMARY KEY, username varchar(50) NOT NULL, \
             enabled bool NOT NULL); \
         INSERT INTO mfa_user_keys VALUES (1, 'user3', true), (2, 'user4', false), (3, 'nobody', true)",
    );
    let earlier = ImportTarget::new();
    let named = earlier.import(&django, &[]).stdout;
    assert!(
        named.contains("(see --require-totp):\n    1, 3\n"),
        "{named}"
    );
    let output = import(target.url(), &django, &[]);
    assert!(
        output.stdout.contains("have no password:\n    1, 3\n"),
        "{output:#?}"
    );
    for line in ["2 trench_mfamethod", "3 mfa_user_keys"] {
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    for id in 1..=5 {
        assert_eq!(
            is_usable(&target.user(id).password),
            ![1, 3].contains(&id),
            "{id}"
        );
    }
    // Accounts that have a password already keep it.
    let output = import(earlier.url(), &django, &[]);
    for part in [
        "`vestibule changepassword EMAIL`",
        "`vestibule deactivate EMAIL`:\n    1, 3\n",
    ] {
        assert!(output.stdout.contains(part), "{output:#?}");
    }
}
