//! The command `vestibule import-django`, with databases like Django's and with a real Django.

mod again;
mod allauth;
mod allauth_factors;
mod allauth_links;
mod batches;
mod blacklist;
mod closed;
mod closed_refused;
mod closed_twins;
mod copies;
mod dump;
mod ends;
mod interrupted;
mod issuers;
mod items;
mod kept_factors;
mod keys;
mod later;
mod legacy;
mod loose;
mod moves;
mod notes;
mod other_users;
mod own_factors;
mod passwords;
mod profile_factors;
mod real;
mod refusals;
mod same_person;
mod short_key;
mod sign_in;
mod source;
mod times;
mod usernames;
mod views;
mod withheld;
mod wrong_options;

use diesel::prelude::*;
use vestibule::accounts::NewUser;
use vestibule::clock::{Clock, Timestamp};

use crate::support::django::{Django, ImportTarget, counts};

fn timestamp(text: &str) -> Timestamp {
    let timestamp = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    timestamp.to_utc().into()
}

/// Adds an account that was not imported, and returns its id.
fn add_local_account(target: &ImportTarget, email: &str) -> i64 {
    let new = NewUser {
        email: email.to_owned(),
        email_key: email.to_lowercase(),
        email_verified: true,
        first_name: "Here".to_owned(),
        last_name: String::new(),
        password: "!".to_owned(),
        workos_user_id: None,
        workos_updated_at: None,
        picture_url: None,
        date_joined: Clock::system().now(),
        username: None,
    };
    target.change(|conn| new.insert(conn)).id.into()
}

#[test]
fn every_column_is_imported() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.run(
        "INSERT INTO auth_user VALUES (7, 'pbkdf2_sha256$1$a$b', '2026-11-21 19:10:09', true, 'ann', 'Zoë', \
         'O''Hara', ' Ann@Example.com', true, false, '2026-11-20 19:10:09.440066')",
    );
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 0]);
    assert!(!output.stdout.contains("refresh tokens"), "{output:#?}");
    let user = target.user(7);
    assert_eq!(
        (user.email.as_str(), user.email_key.as_str()),
        ("Ann@Example.com", "ann@example.com")
    );
    assert_eq!(
        (user.first_name.as_str(), user.last_name.as_str()),
        ("Zoë", "O'Hara")
    );
    assert_eq!(user.password, "pbkdf2_sha256$1$a$b");
    assert!(user.imported && user.is_superuser && user.is_staff);
    assert!(!user.is_active && !user.email_verified);
    assert_eq!((user.token_version, user.workos_user_id), (0, None));
    assert_eq!(user.date_joined, timestamp("2026-11-20T19:10:09.440066Z"));
    assert_eq!(user.last_login, Some(timestamp("2026-11-21T19:10:09Z")));
}

#[test]
fn with_emails_verified_emails_count_as_verified() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "ann@example.com");
    target.import(&django, &["--emails-verified"]);
    assert!(target.user(1).email_verified);
}

#[test]
fn a_user_without_a_password_gets_a_unique_unusable_one() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=3 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.set(1, "password = ''");
    django.set(2, "password = ''");
    django.set(3, "password = 'no scheme that anybody knows'");
    let first = target.import(&django, &[]);
    let passwords: Vec<_> = target
        .users()
        .into_iter()
        .map(|user| user.password)
        .collect();
    assert!(
        passwords[0].starts_with('!') && passwords[1].starts_with('!'),
        "{passwords:?}"
    );
    assert_ne!(passwords[0], passwords[1]);
    assert_eq!(passwords[2], "no scheme that anybody knows");
    for line in [
        "1 unknown",
        "2 unusable",
        "1 password hash that is not understood, so that no password matches: 3",
    ] {
        assert!(first.stdout.contains(line), "{first:#?}");
    }
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
}

#[test]
fn new_ids_start_far_above_djangos() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(5, "five@example.com");
    // The row is refused, but Django has assigned its id.
    django.add(2_500_000, "no email");
    target.import(&django, &[]);
    let first = add_local_account(&target, "first@example.com");
    assert!((3_500_001..5_000_000).contains(&first), "{first}");
    // A second import neither lowers the next id nor raises it without need.
    target.import(&django, &[]);
    let second = add_local_account(&target, "second@example.com");
    assert!(
        second > first && second < first + 10,
        "{second} after {first}"
    );
    django.set(2_500_000, "id = 6");
    target.import(&django, &[]);
    let third = add_local_account(&target, "third@example.com");
    assert!(
        third > second && third < second + 10,
        "{third} after {second}"
    );
}

#[test]
fn the_workos_id_column_links_accounts() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=4 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run("ALTER TABLE auth_user ADD COLUMN \"workOS id\" varchar(64) NULL");
    django.set(1, "\"workOS id\" = 'user_01'");
    django.set(2, "\"workOS id\" = ''");
    django.set(4, "\"workOS id\" = 'user_01'");
    let output = target.import(&django, &["--workos-id-column", "workOS id"]);
    assert_eq!(counts(&output, 0), [3, 0, 0, 1]);
    assert!(
        output
            .stdout
            .contains("WorkOS user is linked to another account: 4 (by 1)"),
        "{output:#?}"
    );
    let ids: Vec<_> = target
        .users()
        .into_iter()
        .map(|user| user.workos_user_id)
        .collect();
    assert_eq!(ids, [Some("user_01".to_owned()), None, None]);
    // A link that was added in Django is imported. A run without the column removes no link.
    django.set(2, "\"workOS id\" = 'user_02'");
    let again = target.import(&django, &["--workos-id-column", "workOS id"]);
    assert_eq!(counts(&again, 0), [0, 1, 2, 1]);
    let without = target.import(&django, &[]);
    assert_eq!(counts(&without, 0), [1, 0, 3, 0]);
    assert_eq!(target.user(2).workos_user_id.as_deref(), Some("user_02"));
    assert_eq!(target.user(1).workos_user_id.as_deref(), Some("user_01"));
}

#[test]
fn passwords_that_end_with_a_link_to_workos_are_counted() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=5 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.run("ALTER TABLE auth_user ADD COLUMN workos varchar(64) NULL");
    for id in 1..=5 {
        django.set(id, "password = 'pbkdf2_sha256$1000$salt$AAAA'");
    }
    django.set(1, "workos = 'user_01'");
    django.set(2, "workos = 'user_02', is_superuser = true");
    django.set(3, "workos = 'user_03', password = ''");
    let options = ["--workos-id-column", "workos"];
    let line = |id: &str| format!("links this account to WorkOS: {id}");
    let first = target.import_with_dry_run(&django, &options);
    assert!(first.stdout.contains(&line("1")), "{first:#?}");
    django.set(4, "workos = 'user_04'");
    let second = target.import_with_dry_run(&django, &options);
    assert!(second.stdout.contains(&line("4")), "{second:#?}");
    django.set(5, "workos = 'user_05'");
    let program = target.program(django.url(), &options);
    let all = program.env("PASSWORD_LOGIN", "all").run().exits_with(0);
    assert_eq!(counts(&all, 0), [0, 1, 4, 0]);
    assert!(!all.stdout.contains("PASSWORD_LOGIN"), "{all:#?}");
}

#[test]
fn a_dry_run_prints_the_same_report_and_writes_nothing() {
    let (django, target) = (Django::sqlite().with_blacklist(), ImportTarget::sqlite());
    for id in 1..=1500 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.set(1500, "email = 'ONE@example.com'");
    django.set(1, "email = 'one@example.com'");
    django.blacklist(1, "1", "aa", "2999-01-01 00:00:00");
    let file = |url: &str| std::fs::read(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let before = (file(django.url()), file(target.url()));
    let dry = target.import(&django, &["--dry-run"]);
    assert!(
        before == (file(django.url()), file(target.url())),
        "a dry run wrote"
    );
    assert_eq!(target.users().len() + target.tokens().len(), 0);
    let real = target.import(&django, &[]);
    assert!(before.0 == file(django.url()), "the source was written to");
    assert_eq!(counts(&dry, 0), [1499, 0, 0, 1]);
    assert_eq!(
        dry.stdout.replace(", had this not been a dry run", ""),
        real.stdout
    );
    let again = target.import(&django, &["--dry-run"]);
    assert_eq!(
        (counts(&again, 0), counts(&again, 1)),
        ([0, 0, 1499, 1], [0, 0, 1, 0])
    );
    let known: i64 = target.rows(|conn| {
        vestibule::db::schema::django_imports::table
            .count()
            .get_result(conn)
    });
    assert_eq!(known, 1499);
}
