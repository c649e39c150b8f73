//! Nobody who is locked out in Django can sign in after an import.

use crate::support::django::{Django, ImportTarget, counts};
use crate::support::real_django::RealDjango;

/// The emails of the active accounts.
fn open_accounts(target: &ImportTarget) -> Vec<String> {
    let users = target.users().into_iter().filter(|user| user.is_active);
    users.map(|user| user.email).collect()
}

fn is_asked(target: &ImportTarget, django: &Django, options: &[&str], parts: &[&str]) {
    let output = target.program(django.url(), options).run();
    output.exits_with(1).reports_one_error(parts);
    assert!(target.users().is_empty());
}

#[test]
fn a_real_table_with_a_flag_of_another_name_is_imported_after_a_question() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    let table = ["--table", "people_member"];
    is_asked(
        &target,
        &django,
        &table,
        &[
            "no column is_active",
            "--active-column active",
            "--all-active",
        ],
    );
    let options = [&table[..], &["--active-column", "active"]].concat();
    let output = target.import(&django, &options);
    assert_eq!(counts(&output, 0), [6, 0, 0, 0]);
    let open = [
        "member1@example.com",
        "member2@example.com",
        "member3@example.com",
    ];
    assert_eq!(open_accounts(&target), open);
    // The same column under Django's name.
    let target = ImportTarget::new();
    let options = [
        &table[..],
        &["--column", "is_active=active", "--all-active"],
    ]
    .concat();
    target.import(&django, &options);
    assert_eq!(open_accounts(&target), open);
}

#[test]
fn a_real_table_with_further_flags_is_imported_after_a_question() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    let table = ["--table", "people_reader"];
    let asked = |more: &[&str], parts: &[&str]| {
        is_asked(&target, &django, &[&table[..], more].concat(), parts);
    };
    asked(&[], &["--closed-column is_banned deleted_at"]);
    asked(
        &["--closed-column", "is_banned"],
        &["--closed-column deleted_at"],
    );
    asked(
        &["--closed-column", "removed"],
        &["--closed-column", "no column removed"],
    );
    let closed = [
        "--closed-column",
        "is_banned",
        "--closed-column",
        "deleted_at",
    ];
    let output = target.import(&django, &[&table[..], &closed].concat());
    assert_eq!(counts(&output, 0), [5, 0, 0, 1]);
    assert_eq!(
        open_accounts(&target),
        ["open@example.com", "again@example.com"]
    );
    assert!(
        output.stdout.contains("another account: 5 (by 6)"),
        "{output:#?}"
    );
    let again = target.import(&django, &[&table[..], &closed].concat());
    assert_eq!(counts(&again, 0), [0, 0, 5, 1]);
    // `is_active` closes an account whatever the options say.
    let all = ImportTarget::new();
    all.import(&django, &[&table[..], &["--all-active"]].concat());
    assert!(!open_accounts(&all).contains(&"inactive@example.com".to_owned()));
    assert!(open_accounts(&all).contains(&"banned@example.com".to_owned()));
}

#[test]
fn a_flag_without_a_value_closes_the_account() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active text); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', NULL), (2, 'a', '2@example.com', ''), \
             (3, 'a', '3@example.com', ' YES '), (4, 'a', '4@example.com', 'maybe')",
    );
    let output = target.import(&django, &["--table", "people"]);
    assert_eq!(counts(&output, 0), [3, 0, 0, 1]);
    assert_eq!(open_accounts(&target), ["3@example.com"]);
    assert!(
        output.stdout.contains("neither true nor false: 4"),
        "{output:#?}"
    );
}

#[test]
fn an_active_account_gets_the_email_that_it_shares_with_closed_ones() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for (id, email) in [
        (1, "Ann@example.com"),
        (2, "ann@example.com"),
        (3, "ANN@example.com"),
    ] {
        django.add(id, email);
    }
    django.set(1, "is_active = false");
    django.set(3, "is_active = false");
    let dry = target.import(&django, &["--dry-run"]);
    let output = target.import(&django, &[]);
    for output in [&dry, &output] {
        assert_eq!(counts(output, 0), [1, 0, 0, 2]);
        assert!(
            output
                .stdout
                .contains("another account: 1 (by 2), 3 (by 2)"),
            "{output:#?}"
        );
    }
    assert_eq!(open_accounts(&target), ["ann@example.com"]);
}

/// A user whose account was closed registers again in Django, after the first import.
#[test]
fn an_account_that_was_imported_and_closed_gives_up_its_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=2 {
        django.add(id, &format!("{id}@example.com"));
    }
    target.import(&django, &[]);
    django.set(1, "is_active = false");
    django.add(9, "1@Example.com");
    let dry = target.import(&django, &["--dry-run"]);
    let output = target.import(&django, &[]);
    for output in [&dry, &output] {
        assert_eq!(counts(output, 0), [1, 1, 1, 0], "{output:#?}");
        assert!(
            output
                .stdout
                .contains("gave up its email for an active one: 1"),
            "{output:#?}"
        );
    }
    assert_eq!(target.user(9).email, "1@Example.com");
    let closed = target.user(1);
    assert_eq!(closed.email, "1@closed.invalid");
    assert!(!closed.is_active && closed.password == "made-up$1");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 2, 1]);
    // It gets its email back when the other account no longer has it.
    django.set(1, "is_active = true");
    django.set(9, "email = '9@example.com'");
    target.import(&django, &[]);
    target.import(&django, &[]);
    assert_eq!(target.user(1).email, "1@example.com");
    assert!(target.user(1).is_active);
}

/// An account that is open in Django, or was closed here alone, keeps its email.
#[test]
fn an_account_that_django_has_not_closed_keeps_its_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "1@example.com");
    target.import(&django, &[]);
    target.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::users;
        diesel::update(users::table.find(1))
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    django.add(9, "1@example.com");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [0, 0, 1, 1]);
    assert_eq!(target.user(1).email, "1@example.com");
}
