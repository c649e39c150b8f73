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
    asked(
        &[],
        &["--closed-column is_banned --closed-column deleted_at"],
    );
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

/// A table with these columns besides those that every import needs, and two accounts.
fn people(columns: &str, values: [&str; 2]) -> Django {
    let django = Django::empty();
    let [first, second] = values;
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, {columns}); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', {first}), (2, 'a', '2@example.com', {second})",
    ));
    django
}

/// What the question tells the operator to pass, from the first option on.
fn printed_options(django: &Django, target: &ImportTarget, table: &[&str]) -> Vec<String> {
    let output = target.program(django.url(), table).run().exits_with(1);
    let (_, hint) = output.stderr.split_once(", pass --").expect("a hint");
    let (hint, _) = hint.split_once('.').expect("a sentence");
    format!("--{hint}").split(' ').map(str::to_owned).collect()
}

#[test]
fn the_options_that_the_question_prints_are_accepted() {
    let table = ["--table", "people"];
    for (columns, closed) in [
        (
            "is_active bool, is_banned bool, deleted_at text",
            "true, false, '2026-01-01'",
        ),
        (
            "is_active bool, frozen bool, locked_at text",
            "true, true, NULL",
        ),
        ("approved bool, enabled bool", "true, false"),
        ("is_approved bool, approved_at text", "true, NULL"),
    ] {
        let open = match columns.contains("approved_at") {
            true => "true, '2026-01-01 10:00:00'",
            false if columns.contains("enabled") => "true, true",
            false => "true, false, NULL",
        };
        let (django, target) = (people(columns, [open, closed]), ImportTarget::new());
        let printed = printed_options(&django, &target, &table);
        let options: Vec<&str> = printed.iter().map(String::as_str).collect();
        target.import(&django, &[&table[..], &options].concat());
        assert_eq!(open_accounts(&target), ["1@example.com"], "{printed:?}");
    }
}

#[test]
fn a_column_of_words_is_asked_about_and_its_values_can_be_named() {
    for name in [
        "status",
        "state",
        "account_status",
        "user_state",
        "status_id",
        "\"accountStatus\"",
    ] {
        let columns = format!("is_active bool, {name} text");
        let values = ["true, ' active'", "true, 'frozen'"];
        let (django, target) = (people(&columns, values), ImportTarget::new());
        let table = ["--table", "people"];
        let name = name.trim_matches('"');
        let part = format!("--active-column {name}=VALUE");
        is_asked(&target, &django, &table, &[&part, "--all-active"]);
        // The options of another value, of a value that no row has, and of both values.
        let import = |values: &[&str]| {
            let target = ImportTarget::new();
            let options = values
                .iter()
                .map(|value| format!("--active-column={name}={value}"));
            let options: Vec<String> = options.collect();
            let options = options.iter().map(String::as_str);
            target.import(
                &django,
                &table.into_iter().chain(options).collect::<Vec<_>>(),
            );
            open_accounts(&target)
        };
        assert_eq!(import(&["active"]), ["1@example.com"]);
        assert_eq!(import(&["Active"]), [""; 0]);
        assert_eq!(
            import(&["active", "frozen"]),
            ["1@example.com", "2@example.com"]
        );
    }
    let (django, target) = (
        people("is_active bool, status text", ["true, NULL", "true, ''"]),
        ImportTarget::new(),
    );
    target.import(
        &django,
        &["--table", "people", "--active-column", "status=open"],
    );
    assert_eq!(open_accounts(&target), [""; 0]);
}

/// Spellings of every kind, in a real table.
#[test]
fn every_spelling_of_a_status_is_asked_about() {
    for name in [
        "is_deactive",
        "softdelete",
        "state_id",
        "banned_until",
        "suspended_at",
        "lock_reason",
        "closed_on",
        "approved",
        "archived",
        "trashed",
        "expired",
        "valid_until",
        "ban_code",
        "deleted_key",
    ] {
        let columns = format!("is_active bool, {name} text");
        let (django, target) = (
            people(&columns, ["true, ''", "true, ''"]),
            ImportTarget::new(),
        );
        is_asked(
            &target,
            &django,
            &["--table", "people"],
            &[&format!("-column {name}")],
        );
    }
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
    assert_eq!(closed.email, "");
    assert!(!closed.is_active && closed.password == "made-up$1");
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    let line = "1 account imported without its email, which another account has: 1";
    assert!(again.stdout.contains(line), "{again:#?}");
    // It gets its email back when the other account no longer has it.
    django.set(1, "is_active = true");
    django.set(9, "email = '9@example.com'");
    target.import(&django, &[]);
    target.import(&django, &[]);
    assert_eq!(target.user(1).email, "1@example.com");
    assert!(target.user(1).is_active);
}

/// What an earlier version gave to closed accounts, as an email that a user of Django has.
#[test]
fn no_email_of_djangos_collides_with_that_of_a_closed_account() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=3 {
        django.add(id, &format!("{id}@example.com"));
    }
    target.import(&django, &[]);
    django.set(1, "is_active = false");
    django.set(2, "email = '1@closed.invalid'");
    django.set(3, "email = '1@example.com'");
    django.add(4, "4@closed.invalid");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 3, 0, 0], "{output:#?}");
    let emails = target.users().into_iter().map(|user| user.email);
    let emails: Vec<_> = emails.collect();
    assert_eq!(
        emails,
        ["", "1@closed.invalid", "1@example.com", "4@closed.invalid"]
    );
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
