//! A copy of the same users under another name, or in a dump, opens no account that an earlier import closed.

use diesel::prelude::*;
use vestibule::db::schema::{django_import_items, django_import_options, django_imports};

use crate::support::django::{Django, ImportTarget, counts};

/// Accounts 1 (open), 2 (banned) and 3 (closed by `is_active`), imported with `--closed-column is_banned`.
fn imported() -> (Django, ImportTarget) {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, is_banned bool); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', true, false), (2, 'a', '2@example.com', true, true), \
             (3, 'a', '3@example.com', false, false)",
    );
    target.import(&django, &["--table", "people", "--closed-column=is_banned"]);
    assert_eq!(open(&target), [1]);
    (django, target)
}

fn open(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter().filter(|user| user.is_active);
    users.map(|user| user.id.into()).collect()
}

/// What an earlier version has recorded: no options and no table by account.
fn forget_options_of_accounts(target: &ImportTarget) {
    target.change(|conn| diesel::delete(django_import_items::table).execute(conn));
    target.change(|conn| {
        let unknown = django_imports::source_table.eq(None::<String>);
        diesel::update(django_imports::table)
            .set(unknown)
            .execute(conn)
    });
}

const VIEW: &str = "CREATE VIEW members AS SELECT id, password, email, is_active FROM people";
const MEMBERS: [&str; 2] = ["--table", "members"];
const RENAMED: [&str; 4] = ["--table", "members", "--renamed-from", "people"];

#[test]
fn a_view_without_the_column_opens_nobody() {
    for is_old in [false, true] {
        let (django, target) = imported();
        let options = match is_old {
            true => &MEMBERS[..],
            false => &RENAMED,
        };
        if is_old {
            forget_options_of_accounts(&target);
        }
        django.run(VIEW);
        django.run("INSERT INTO people VALUES (4, 'a', '4@example.com', true, true)");
        let dry = target.import(&django, &[options, &["--dry-run"]].concat());
        let first = target.import(&django, options);
        assert_eq!(counts(&first, 0), [1, 0, 3, 0]);
        let again = target.import(&django, &MEMBERS);
        for output in [&dry, &first, &again] {
            let line = "options that this one lacks, so that this account stays closed:\n    2\n";
            assert!(output.stdout.contains(line), "{output:#?}");
        }
        // Account 4 is new and open, since nothing here says that it is banned.
        for output in [&dry, &first] {
            let line = "Closed accounts: earlier imports passed --closed-column is_banned, and";
            assert!(output.stdout.contains(line), "{output:#?}");
        }
        assert_eq!(open(&target), [1, 4]);
        // With the column, Django decides.
        django.run("UPDATE people SET is_banned = false WHERE id = 2");
        let table = [
            "--table=people",
            "--closed-column=is_banned",
            "--renamed-from=members",
        ];
        let output = target.import(&django, &table);
        let line = "1 account opened that an earlier import closed: 2";
        assert!(output.stdout.contains(line), "{output:#?}");
        assert_eq!(open(&target), [1, 2]);
    }
}

#[test]
fn a_table_that_was_renamed_is_refused_without_the_option() {
    for is_old in [false, true] {
        let (django, target) = imported();
        if is_old {
            forget_options_of_accounts(&target);
        }
        django.run("ALTER TABLE people RENAME TO members");
        let options = match is_old {
            true => &MEMBERS[..],
            false => &RENAMED,
        };
        let without = [options, &["--all-active"]].concat();
        let refused = target.program(django.url(), &without).run().exits_with(1);
        refused.reports_one_error(&["passed --closed-column is_banned"]);
        assert_eq!(open(&target), [1]);
        let with = [options, &["--closed-column=is_banned"]].concat();
        target.import(&django, &with);
        assert_eq!(open(&target), [1]);
    }
}

/// `is_active` closes accounts too, and a source may lack it.
#[test]
fn a_source_without_is_active_opens_nobody() {
    let (django, target) = imported();
    django.run("CREATE VIEW members AS SELECT id, password, email FROM people");
    target.import(&django, &[&RENAMED[..], &["--all-active"]].concat());
    target.import(&django, &[&MEMBERS[..], &["--all-active"]].concat());
    assert_eq!(open(&target), [1]);
}

#[test]
fn a_dump_without_the_column_opens_nobody() {
    let (_, target) = imported();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    let user = |key: i64| {
        let email = format!("{key}@example.com");
        let fields = serde_json::json!({ "password": "a", "email": email, "is_active": true });
        serde_json::json!({ "model": "people", "pk": key, "fields": fields })
    };
    let dump = serde_json::json!([user(1), user(2), user(3)]);
    std::fs::write(&path, dump.to_string()).unwrap();
    let options = ["--table", "people"];
    let program = target.program(path.to_str().unwrap(), &options);
    program.run().exits_with(0);
    // `is_active` says that account 3 was opened in Django, where account 2 may still be banned.
    assert_eq!(open(&target), [1]);
}

/// Two tables of different users do not hinder each other.
#[test]
fn options_of_another_table_keep_nobody_closed() {
    let (django, target) = imported();
    django.run(
        "CREATE TABLE guests (id integer PRIMARY KEY, password text, email text, active bool); \
         INSERT INTO guests VALUES (11, 'a', '11@example.com', true), (12, 'a', '12@example.com', false)",
    );
    let people = ["--table", "people", "--closed-column=is_banned"];
    let guests = ["--table", "guests", "--active-column=active"];
    target.import(&django, &guests);
    assert_eq!(open(&target), [1, 11]);
    target.import(&django, &people);
    django.run("UPDATE guests SET active = true; UPDATE people SET is_banned = false");
    let output = target.import(&django, &people);
    assert!(!output.stdout.contains("stays closed"), "{output:#?}");
    let output = target.import(&django, &guests);
    assert!(!output.stdout.contains("stays closed"), "{output:#?}");
    assert_eq!(open(&target), [1, 2, 11, 12]);
    let recorded: i64 = target.rows(|conn| {
        let closed = django_import_items::table.filter(django_import_items::kind.eq("closed"));
        closed.count().get_result(conn)
    });
    assert_eq!(recorded, 2, "account 3 with two options");
}

#[test]
fn the_operator_lets_an_option_go_by_deleting_its_row() {
    let (django, target) = imported();
    django.run(VIEW);
    target.import(&django, &RENAMED);
    assert_eq!(open(&target), [1]);
    let option = "--closed-column is_banned";
    target.change(|conn| {
        let rows = django_import_options::table.filter(django_import_options::option.eq(option));
        diesel::delete(rows).execute(conn)
    });
    target.import(&django, &MEMBERS);
    assert_eq!(open(&target), [1, 2]);
}
