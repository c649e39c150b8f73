//! The import of a database that a real Django wrote, with all of its hashers.

use chrono::NaiveDateTime;
use vestibule::clock::Timestamp;

use crate::support::django::{Django, ImportTarget, counts};
use crate::support::real_django::{RealDjango, RealUser};

fn utc(text: &str) -> Timestamp {
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").unwrap();
    naive.and_utc().into()
}

fn imports_all((django, made): &(Django, RealDjango)) {
    let target = ImportTarget::new();
    let output = target.import(django, &[]);
    let all = u64::try_from(made.users.len()).unwrap();
    assert_eq!(counts(&output, 0), [all, 0, 0, 0]);
    for in_django in &made.users {
        compare(&target, in_django);
    }
    let zoe = made.users.iter().find(|user| user.email.starts_with("Zoe"));
    let zoe = target.user(zoe.expect("an email in another form").id);
    assert_eq!(zoe.email_key, "zo\u{eb}@xn--bcher-kva.example");
    let algorithms = made
        .users
        .iter()
        .filter_map(|user| user.hash.split_once('$'));
    let algorithms: std::collections::BTreeSet<_> = algorithms.map(|(name, _)| name).collect();
    assert_eq!(algorithms.len(), 6, "{algorithms:?}");

    for line in [
        "unusable",
        "argon2",
        "bcrypt_sha256",
        "pbkdf2_sha1",
        "scrypt",
    ] {
        let mut lines = output.stdout.lines();
        assert!(
            lines.any(|text| text.ends_with(&format!(" {line}"))),
            "{output:#?}"
        );
    }
    assert!(!output.stdout.contains("not understood"), "{output:#?}");

    assert_eq!(counts(&output, 1), [3, 0, 0, 0]);
    let tokens = target.tokens();
    assert_eq!(tokens.len(), made.blacklisted.len());
    for in_django in &made.blacklisted {
        let here = tokens.iter().find(|row| row.jti == in_django.jti).unwrap();
        assert_eq!(
            (here.user_id, &here.family),
            (Some(in_django.user_id.into()), &in_django.jti)
        );
        assert_eq!(here.expires_at, utc(&in_django.expires_at));
        assert_eq!(here.revoked_at, Some(utc(&in_django.revoked_at)));
    }
    assert!(!tokens.iter().any(|row| made.good.contains(&row.jti)));
    for token in &made.tokens {
        assert!(!output.stdout.contains(token.as_str()));
    }

    let again = target.import(django, &[]);
    assert_eq!(
        (counts(&again, 0), counts(&again, 1)),
        ([0, 0, all, 0], [0, 0, 3, 0])
    );
}

fn compare(target: &ImportTarget, in_django: &RealUser) {
    let here = target.user(in_django.id);
    assert_eq!(here.email, in_django.email);
    assert_eq!(here.password, in_django.hash);
    assert_eq!(in_django.password.is_none(), here.password.starts_with('!'));
    assert_eq!(
        (&here.first_name, &here.last_name),
        (&in_django.first_name, &in_django.last_name)
    );
    let flags = (here.is_active, here.is_staff, here.is_superuser);
    assert_eq!(
        flags,
        (
            in_django.is_active,
            in_django.is_staff,
            in_django.is_superuser
        )
    );
    assert_eq!(here.date_joined, utc(&in_django.date_joined));
    assert_eq!(here.last_login, in_django.last_login.as_deref().map(utc));
}

#[test]
fn a_sqlite_database_of_django_is_imported() {
    imports_all(&RealDjango::on_sqlite());
}

/// Without PostgreSQL this uses a SQLite file again.
#[test]
fn a_database_of_django_on_this_runs_backend_is_imported() {
    imports_all(&RealDjango::on_this_runs_backend());
}
