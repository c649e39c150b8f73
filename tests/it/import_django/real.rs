//! A database that a real Django made, with every hasher that it has.

use chrono::NaiveDateTime;
use vestibule::clock::Timestamp;

use crate::support::database::TestDatabase;
use crate::support::django::{Django, ImportTarget, RealDjango, RealUser, counts};

fn utc(text: &str) -> Timestamp {
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").unwrap();
    naive.and_utc().into()
}

fn imports_all(django: &Django) {
    let target = ImportTarget::new();
    let made = RealDjango::fill(django);
    let output = target.import(django, &[]);
    let all = u64::try_from(made.users.len()).unwrap();
    assert_eq!(counts(&output, 0), [all, 0, 0, 0]);
    for there in &made.users {
        compare(&target, there);
    }
    let algorithms = made
        .users
        .iter()
        .filter_map(|user| user.hash.split_once('$'));
    let algorithms: std::collections::BTreeSet<_> = algorithms.map(|(name, _)| name).collect();
    assert_eq!(algorithms.len(), 6, "{algorithms:?}");

    assert_eq!(counts(&output, 1), [3, 0, 0, 0]);
    let tokens = target.tokens();
    assert_eq!(tokens.len(), made.blacklisted.len());
    for there in &made.blacklisted {
        let here = tokens.iter().find(|row| row.jti == there.jti).unwrap();
        assert_eq!(
            (here.user_id, &here.family),
            (Some(there.user_id), &there.jti)
        );
        assert_eq!(here.expires_at, utc(&there.expires_at));
        assert_eq!(here.revoked_at, Some(utc(&there.revoked_at)));
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

fn compare(target: &ImportTarget, there: &RealUser) {
    let here = target.user(there.id);
    assert_eq!(here.email, there.email);
    assert_eq!(here.password, there.hash);
    assert_eq!(there.password.is_none(), here.password.starts_with('!'));
    assert_eq!(
        (&here.first_name, &here.last_name),
        (&there.first_name, &there.last_name)
    );
    let flags = (here.is_active, here.is_staff, here.is_superuser);
    assert_eq!(flags, (there.is_active, there.is_staff, there.is_superuser));
    assert_eq!(here.date_joined, utc(&there.date_joined));
    assert_eq!(here.last_login, there.last_login.as_deref().map(utc));
}

#[test]
fn from_a_sqlite_file() {
    imports_all(&Django::without_tables(TestDatabase::sqlite()));
}

/// The SQLite file again, where this run has no PostgreSQL.
#[test]
fn from_the_database_of_this_run() {
    imports_all(&Django::empty());
}
