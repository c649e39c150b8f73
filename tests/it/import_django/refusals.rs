//! Refused rows: each is named with its reason, and the other rows are imported.

use vestibule::ids::UserId;

use crate::support::django::{Django, ImportTarget, counts};

use super::add_local_account;

/// Creates a table without primary key and types, which can hold values that Django's cannot.
fn create_untyped_table(django: &Django) {
    django.run(
        "CREATE TABLE people (id text, password text, email text, first_name text, is_active text, \
         date_joined text)",
    );
}

fn add(django: &Django, id: &str, email: &str, first_name: &str, is_active: &str, joined: &str) {
    django.run(&format!(
        "INSERT INTO people VALUES ('{id}', 'made-up', '{email}', '{first_name}', '{is_active}', '{joined}')"
    ));
}

#[test]
fn invalid_rows_are_named_and_the_others_are_imported() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    create_untyped_table(&django);
    let long = format!("{}@example.com", "a".repeat(250));
    const JOINED: &str = "2026-01-02 03:04:05";
    for (id, email, is_active, joined) in [
        ("1", "good@example.com", "1", JOINED),
        ("", "nokey@example.com", "1", JOINED),
        ("9007199254740991", "last@example.com", "1", JOINED),
        ("10", "", "1", JOINED),
        ("11", "nobody", "1", JOINED),
        ("12", &long, "1", JOINED),
        ("13", "two words@example.com", "1", JOINED),
        ("14", "\u{212A}elvin@example.com", "1", JOINED),
        ("15", "later@example.com", "1", "some day"),
        ("16", "maybe@example.com", "perhaps", JOINED),
        ("17", "GOOD@example.com", "1", JOINED),
    ] {
        add(&django, id, email, "", is_active, joined);
    }
    let output = target.import(&django, &["--table", "people"]);
    assert_eq!(counts(&output, 0), [2, 0, 0, 9]);
    for line in [
        "1 no key: ",
        "1 key out of range: 9007199254740991",
        "1 no email: 10",
        "1 email without @: 11",
        "1 email of more than 254 characters: 12",
        "1 email with spaces or control characters: 13",
        "1 email with a letter that lower case or normalisation turns into another: 14",
        "1 flag that is neither true nor false: 16",
        "1 email belongs to another account: 17 (by 1)",
    ] {
        assert!(
            output.stdout.contains(line),
            "no {line:?} in {}",
            output.stdout
        );
    }
    let ids: Vec<_> = target.users().into_iter().map(|user| user.id).collect();
    assert_eq!(
        ids,
        [1, 15].map(UserId::from),
        "an unreadable time refuses no row"
    );
}

/// SQLite stores values of any type in a column of integers.
#[test]
fn a_column_of_integers_holds_only_positive_integers() {
    let (django, target) = (Django::sqlite(), ImportTarget::new());
    django.run("DROP TABLE auth_user");
    django.run(
        "CREATE TABLE people (id integer, password text, email text, first_name text, is_active text, \
         date_joined text)",
    );
    for id in [
        "1",
        "0",
        "-4",
        "9223372036854775807",
        "0b5c2d3e-made-up-uuid",
    ] {
        add(&django, id, &format!("{id}@example.com"), "", "1", "");
    }
    let output = target.import(&django, &["--table", "people"]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 4]);
    let line = "1 key is no integer: 0b5c2d3e-made-up-uuid";
    assert!(output.stdout.contains(line), "{output:#?}");
    let range = output.stdout.lines();
    let range = range.filter(|line| line.contains("keys out of range"));
    let range: Vec<_> = range.collect();
    assert!(range[0].trim_start().starts_with("3 key"), "{range:?}");
    assert_eq!(target.users()[0].id, 1.into());
}

#[test]
fn invalid_text_refuses_only_its_row() {
    let (django, target) = (Django::sqlite(), ImportTarget::new());
    for id in 1..=4 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.set(1, "first_name = CAST(x'ff41' AS TEXT)");
    django.set(2, "last_name = 'a' || char(0) || 'b'");
    django.set(3, "email = CAST(x'80' AS TEXT) || '@example.com'");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 3]);
    assert!(
        output.stdout.contains("2 texts that are not UTF-8: 1, 3"),
        "{output:#?}"
    );
    assert!(
        output.stdout.contains("1 text with a NUL character: 2"),
        "{output:#?}"
    );
    assert_eq!(target.users()[0].id, 4.into());
}

#[test]
fn an_email_of_several_rows_is_imported_for_the_lowest_id() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(9, "ann@example.com");
    django.add(3, "Ann@Example.com");
    django.add(4, "ANN@EXAMPLE.COM");
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 2]);
    assert!(
        output
            .stdout
            .contains("another account: 4 (by 3), 9 (by 3)"),
        "{output:#?}"
    );
    let again = target.import(&django, &[]);
    assert_eq!(counts(&again, 0), [0, 0, 1, 2]);
    assert_eq!(target.users()[0].email, "Ann@Example.com");
}

#[test]
fn ids_and_emails_of_local_accounts_are_kept() {
    let (django, target) = (Django::new(), ImportTarget::new());
    let here = add_local_account(&target, "here@example.com");
    assert_eq!(here, 1);
    django.add(1, "there@example.com");
    django.add(2, "HERE@example.com");
    django.add(3, "new@example.com");
    let before = target.user(1);
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 2]);
    assert!(
        output.stdout.contains("id belongs to another account: 1"),
        "{output:#?}"
    );
    assert!(
        output
            .stdout
            .contains("email belongs to another account: 2 (by 1)"),
        "{output:#?}"
    );
    assert_eq!(target.user(1), before);
}

/// Two Django projects assign the same ids. Users of the second must not get accounts of the first.
#[test]
fn rows_of_a_second_project_do_not_change_accounts_of_the_first() {
    let (first, second, target) = (Django::new(), Django::new(), ImportTarget::new());
    first.add(1, "ann@example.com");
    second.add(1, "bob@example.com");
    second.set(1, "date_joined = '2025-05-05 05:05:05'");
    target.import(&first, &[]);
    let before = target.user(1);
    let output = target.import(&second, &[]);
    assert_eq!(counts(&output, 0), [0, 0, 0, 1]);
    assert!(
        output.stdout.contains("id belongs to another account: 1"),
        "{output:#?}"
    );
    assert_eq!(target.user(1), before);
}

#[test]
fn many_refusals_are_counted_and_the_first_are_named() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=12 {
        django.add(id, "nobody");
    }
    let output = target.import(&django, &[]);
    assert!(
        output
            .stdout
            .contains("12 emails without @: 1, 2, 3, 4, 5, …"),
        "{output:#?}"
    );
}
