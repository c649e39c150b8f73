//! Passwords that an import has withheld because of a second factor stay withheld until the factor is gone.

use diesel::prelude::*;
use vestibule::accounts::passwords::is_usable;
use vestibule::db::schema::users;

use super::allauth_factors::import;
use crate::support::django::{Django, ImportTarget};
use crate::support::real_django::RealAllauth;

const HASH: &str = "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const STILL: &str =
    "if that holds no second factors, name it with --no-factor:\n    1 (trench_mfamethod)";

/// Two accounts with factors of django-trench and django-multifactor, and one without, imported with the option.
fn withheld() -> (Django, ImportTarget) {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=3 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run(&format!("UPDATE auth_user SET password = '{HASH}'"));
    django.run(
        "CREATE TABLE trench_mfamethod (id integer PRIMARY KEY, is_active bool NOT NULL, \
             user_id integer NOT NULL REFERENCES auth_user (id)); \
         INSERT INTO trench_mfamethod VALUES (1, true, 1); \
         CREATE TABLE multifactor_userkey (id integer PRIMARY KEY, enabled bool NOT NULL, \
             user_id integer NOT NULL REFERENCES auth_user (id)); \
         INSERT INTO multifactor_userkey VALUES (1, true, 2)",
    );
    import(target.url(), &django, &[]);
    assert_eq!(with_password(&target), [3]);
    (django, target)
}

fn with_password(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter();
    let usable = users.filter(|user| is_usable(&user.password));
    usable.map(|user| i64::from(user.id)).collect()
}

#[test]
fn a_withheld_password_stays_withheld_without_the_option() {
    let (django, target) = withheld();
    let dry = target.import(&django, &["--dry-run"]).stdout;
    let output = target.import(&django, &[]).stdout;
    for report in [&dry, &output] {
        assert!(report.contains(STILL), "{report}");
        assert!(report.contains(", 2 (multifactor_userkey)\n"), "{report}");
        assert!(!report.contains("a password alone"), "{report}");
    }
    // A new password is withheld too.
    django.set(2, &format!("password = '{}'", HASH.replace('ü', "u")));
    target.import(&django, &[]);
    assert_eq!(with_password(&target), [3]);
}

#[test]
fn a_withheld_password_stays_withheld_if_the_table_is_not_read() {
    let (django, target) = withheld();
    django.run("CREATE VIEW people AS SELECT * FROM auth_user");
    let output = target
        .import(
            &django,
            &["--table", "people", "--renamed-from", "auth_user"],
        )
        .stdout;
    assert!(output.contains(STILL), "{output}");
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump.jsonl");
    let users = [1, 2, 3].map(|id| {
        let fields =
            format!(r#"{{"email":"{id}@example.com","password":"{HASH}","is_active":true}}"#);
        format!(r#"{{"model":"auth.user","pk":{id},"fields":{fields}}}"#)
    });
    std::fs::write(&dump, users.join("\n")).unwrap();
    let renamed = ["--renamed-from", "people"];
    let output = target.program(dump.to_str().unwrap(), &renamed).run();
    let output = output.exits_with(0).stdout;
    assert!(output.contains(STILL), "{output}");
    django.run("DROP VIEW people; DROP TABLE trench_mfamethod");
    let output = import(target.url(), &django, &[]).stdout;
    assert!(output.contains(STILL), "{output}");
    assert_eq!(with_password(&target), [3]);
}

#[test]
fn a_withheld_password_is_imported_when_the_factor_is_gone() {
    let (django, target) = withheld();
    django.run("UPDATE trench_mfamethod SET is_active = false; DELETE FROM multifactor_userkey");
    let dry = target.import(&django, &["--dry-run"]).stdout;
    assert_eq!(with_password(&target), [3]);
    let output = target.import(&django, &[]).stdout;
    for report in [&dry, &output] {
        assert!(!report.contains("withheld"), "{report}");
    }
    assert_eq!(with_password(&target), [1, 2, 3]);
    // From then on, the accounts are like others.
    django.run("DROP TABLE trench_mfamethod");
    django.set(1, "password = '!'");
    target.import(&django, &[]);
    django.set(1, &format!("password = '{HASH}'"));
    target.import(&django, &[]);
    assert_eq!(with_password(&target), [1, 2, 3]);
}

/// The email's owner may be another person than the one who set the password here.
#[test]
fn a_verified_email_does_not_bring_a_withheld_password_back() {
    let (django, target) = withheld();
    target.change(|conn| {
        diesel::update(users::table.find(1))
            .set(users::password.eq(HASH.replace('ü', "u")))
            .execute(conn)
    });
    target.import(&django, &["--emails-verified"]);
    assert_eq!(with_password(&target), [3]);
}

/// An authenticator app in the place of a factor that does not exist here protects the account.
#[test]
fn a_withheld_password_is_imported_with_an_authenticator_app() {
    let ((django, _), target) = (RealAllauth::on_this_runs_backend(), ImportTarget::new());
    import(target.url(), &django, &[]);
    let before = with_password(&target);
    assert!(!before.contains(&7));
    django.run(
        "UPDATE mfa_authenticator SET type = 'totp', data = '{\"secret\": \"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"}' \
         WHERE user_id = 7",
    );
    target.import(&django, &[]);
    assert_eq!(with_password(&target), before);
    import(target.url(), &django, &[]);
    assert_eq!(with_password(&target), [&before[..], &[7]].concat());
    assert_eq!(super::allauth_factors::factors(&target), [5, 6, 7]);
}

/// A name that looks like that of a factor, and holds a code that has confirmed an address.
#[test]
fn a_password_that_was_withheld_by_mistake_comes_back() {
    for is_dropped in [false, true] {
        let (django, target) = (Django::new(), ImportTarget::new());
        for id in 1..=2 {
            django.add(id, &format!("{id}@example.com"));
        }
        django.run(&format!(
            "UPDATE auth_user SET password = '{HASH}'; ALTER TABLE auth_user ADD otp text NULL; \
             UPDATE auth_user SET otp = '123456' WHERE id = 1; \
             CREATE TABLE trench_mfamethod (id integer PRIMARY KEY, is_active bool NOT NULL, \
                 user_id integer NOT NULL REFERENCES auth_user (id))"
        ));
        import(target.url(), &django, &[]);
        assert_eq!(with_password(&target), [2]);
        if is_dropped {
            django.run("ALTER TABLE auth_user DROP COLUMN otp");
        }
        let output = target.import(&django, &[]).stdout;
        let told = "name it with --no-factor:\n    1 (auth_user.otp)";
        assert!(output.contains(told), "{output}");
        assert_eq!(with_password(&target), [2]);
        let output = import(target.url(), &django, &["--no-factor=otp"]).stdout;
        assert!(!output.contains("withheld"), "{output}");
        assert_eq!(with_password(&target), [1, 2]);
        let unknown = super::allauth_factors::program(target.url(), &django, &["--no-factor=otq"]);
        let unknown = unknown.run().exits_with(1);
        unknown.reports_one_error(&["--no-factor: otq is none of"]);
    }
}
