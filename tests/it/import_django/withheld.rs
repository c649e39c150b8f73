//! Passwords that an import has withheld because of a second factor stay withheld until the factor is gone.

use diesel::prelude::*;
use vestibule::accounts::passwords::is_usable;
use vestibule::db::schema::users;

use super::allauth_factors::import;
use crate::support::django::{Django, ImportTarget};
use crate::support::real_django::RealAllauth;

const HASH: &str = "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
const STILL: &str = "password still withheld, because an earlier import found a second factor that does not exist here, \
     and this one does not show that it is gone:\n    1, 2";

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
    assert!(output.contains(STILL.trim_end_matches(", 2")), "{output}");
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
