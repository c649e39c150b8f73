//! A row changes an account only if it is the same person's, whatever its key is.

use diesel::prelude::*;
use vestibule::accounts::User;
use vestibule::db::schema::{django_imports, users};

use super::timestamp;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::ProgramOutput;

/// A hash as Django's, with a salt of its own.
fn hash(salt: &str) -> String {
    format!("pbkdf2_sha256$1000${salt}$Eieg3MnpMY7C8JSCJjQwVxuhJ24men+HK2urK/0zaxY=")
}

/// Adds a table without `date_joined`, with accounts 1 to 3, whose emails and hashes begin with `name`.
fn add_table(django: &Django, table: &str, name: &str, is_superuser: bool) {
    django.run(&format!(
        "CREATE TABLE {table} (id integer PRIMARY KEY, password text, email text, username text, is_active bool, \
             is_superuser bool, workos text)"
    ));
    for id in 1..=3 {
        let hash = hash(&format!("{name}{id}"));
        django.run(&format!(
            "INSERT INTO {table} VALUES ({id}, '{hash}', '{name}{id}@example.com', '{name}{id}', true, \
                 {is_superuser}, NULL)"
        ));
    }
}

/// A project with such a table of customers, and its accounts here, the first of them linked to WorkOS.
fn customers() -> (Django, ImportTarget) {
    let (django, target) = (Django::empty(), ImportTarget::new());
    add_table(&django, "customer", "cust", false);
    django.run("UPDATE customer SET workos = 'user_01' WHERE id = 1");
    let first = target.import(&django, &OPTIONS);
    assert_eq!(counts(&first, 0), [3, 0, 0, 0]);
    (django, target)
}

const OPTIONS: [&str; 4] = ["--table", "customer", "--workos-id-column", "workos"];
const UNPROVEN: &str = "share nothing but the key";

#[track_caller]
fn prints(output: &ProgramOutput, part: &str) {
    assert!(output.stdout.contains(part), "{output:#?}");
}

/// Imports with and without writing; every row is refused, for this reason.
#[track_caller]
fn is_refused(target: &ImportTarget, django: &Django, options: &[&str], reasons: &[&str]) {
    let before = target.users();
    for more in [&["--dry-run"][..], &[]] {
        let output = target.import(django, &[options, more].concat());
        assert_eq!(counts(&output, 0), [0, 0, 0, 3], "{output:#?}");
        for reason in reasons {
            prints(&output, reason);
        }
        assert!(!output.stdout.contains("no longer has"), "{output:#?}");
    }
    assert_eq!(target.users(), before);
}

#[test]
fn rows_of_another_table_with_the_same_integers_change_no_account() {
    let (django, target) = customers();
    add_table(&django, "shop_admin", "adm", true);
    let reasons = [
        "3 keys of accounts that were imported from another table: 1 (of customer), 2 (of customer), 3 (of customer)",
        "--renamed-from OLD_NAME",
    ];
    is_refused(&target, &django, &["--table", "shop_admin"], &reasons);
    // Not even where they are the same people, for example in a view of the same table.
    django.run("CREATE VIEW open_customer AS SELECT * FROM customer");
    is_refused(&target, &django, &["--table", "open_customer"], &reasons);
    // Further accounts of the other table are imported.
    django.run("UPDATE shop_admin SET id = id + 102; UPDATE shop_admin SET id = id - 100");
    let output = target.import(&django, &["--table", "shop_admin"]);
    assert_eq!(counts(&output, 0), [2, 0, 0, 1]);
    // Of the accounts of this table, none is missing in Django.
    assert!(!output.stdout.contains("no longer has"), "{output:#?}");
}

#[test]
fn rows_of_another_project_with_the_same_table_change_no_account() {
    let ((_, target), other) = (customers(), Django::empty());
    add_table(&other, "customer", "other", true);
    let options = ["--table", "customer"];
    let reasons = [UNPROVEN, "--column date_joined=NAME"];
    is_refused(&target, &other, &options, &reasons);
    // A common username is no evidence, while the emails differ.
    other.run("UPDATE customer SET username = 'cust' || id");
    is_refused(&target, &other, &options, &reasons);
    // Nor is it while one of them has none.
    other.run("UPDATE customer SET email = ''");
    is_refused(&target, &other, &options, &[]);
}

/// Values that many accounts have prove nothing.
#[test]
fn default_values_are_no_evidence() {
    for (password, joined) in [
        ("!", "2020-01-01 00:00:00"),
        ("", "2020-01-01"),
        ("made-up", "1970-01-01 00:00:00"),
        // Two accounts with the same password have the same hash without salt.
        ("5f4dcc3b5aa765d61d8327deb882cf99", "2020-01-01 00:00:00"),
    ] {
        let target = ImportTarget::new();
        for (project, expected) in [("one", [3, 0, 0, 0]), ("two", [0, 0, 0, 3])] {
            let django = Django::empty();
            add_table(&django, "customer", project, false);
            django.run(&format!(
                "ALTER TABLE customer ADD COLUMN since text; \
                 UPDATE customer SET since = '{joined}', password = '{password}'"
            ));
            let options = [
                "--table=customer",
                "--column=date_joined=since",
                "--legacy-hashers",
            ];
            let output = target.import(&django, &options);
            assert_eq!(counts(&output, 0), expected, "{output:#?}");
        }
        assert_eq!(target.user(1).email, "one1@example.com");
    }
}

#[test]
fn a_table_without_join_times_is_imported_again_where_one_value_is_known() {
    let (django, target) = customers();
    let new = hash("new");
    django.run(&format!(
        "UPDATE customer SET email = 'new1@example.com', password = '{new}' WHERE id = 1; \
         UPDATE customer SET email = 'new2@example.com', is_active = false WHERE id = 2; \
         UPDATE customer SET email = 'new3@example.com', password = '{new}' WHERE id = 3"
    ));
    let output = target.import(&django, &OPTIONS);
    // The first is known by WorkOS's id, the second by the hash. Nothing shows that the third is the same person.
    assert_eq!(counts(&output, 0), [0, 2, 0, 1], "{output:#?}");
    prints(&output, "so that it may be another person: 3\n");
    assert_eq!(target.user(1).password, new);
    assert_eq!(target.user(2).email, "new2@example.com");
    assert!(!target.user(2).is_active);
    assert_eq!(target.user(3).email, "cust3@example.com");
    // What the advice says.
    django.run("UPDATE customer SET email = 'cust3@example.com' WHERE id = 3");
    let output = target.import(&django, &OPTIONS);
    assert_eq!(counts(&output, 0), [0, 1, 2, 0], "{output:#?}");
    assert_eq!(target.user(3).password, new);
}

#[test]
fn an_email_that_was_changed_here_leaves_the_account_known() {
    let (django, target) = customers();
    target.change(|conn| {
        diesel::update(users::table.find(2))
            .set((
                users::email.eq("here@example.com"),
                users::email_key.eq("here@example.com"),
            ))
            .execute(conn)
    });
    let new = hash("new");
    django.run(&format!(
        "UPDATE customer SET password = '{new}' WHERE id = 2"
    ));
    let output = target.import(&django, &OPTIONS);
    assert_eq!(counts(&output, 0), [0, 1, 2, 0], "{output:#?}");
    assert_eq!(target.user(2).password, new);
}

#[test]
fn join_times_that_a_later_import_reads_are_recorded_and_prove_who_it_is() {
    let (django, target) = customers();
    django.run(
        "ALTER TABLE customer ADD COLUMN since text; \
         UPDATE customer SET since = '2025-01-0' || id || ' 03:04:05.678901'",
    );
    let options = [&OPTIONS[..], &["--column", "date_joined=since"]].concat();
    let second = target.import(&django, &options);
    assert_eq!(counts(&second, 0), [0, 3, 0, 0]);
    let joined = timestamp("2025-01-03T03:04:05.678901Z");
    assert_eq!(target.user(3).date_joined, joined);
    let again = target.import(&django, &options);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    let new = hash("new");
    django.run(&format!(
        "UPDATE customer SET email = 'new3@example.com', password = '{new}' WHERE id = 3"
    ));
    let third = target.import(&django, &options);
    assert_eq!(counts(&third, 0), [0, 1, 2, 0], "{third:#?}");
    assert_eq!(target.user(3).email, "new3@example.com");
}

#[test]
fn a_renamed_table_is_named_once() {
    let (django, target) = customers();
    django
        .run("ALTER TABLE customer ADD COLUMN hidden bool; UPDATE customer SET hidden = (id = 3)");
    let closed = [&OPTIONS[..], &["--closed-column", "hidden"]].concat();
    target.import(&django, &closed);
    django.run("ALTER TABLE customer RENAME TO people_customer");
    let table = ["--table", "people_customer"];
    is_refused(&target, &django, &table, &["(of customer)"]);
    let renamed = |old: &str, more: &[&str]| {
        let options = [&table[..], &["--renamed-from", old], more].concat();
        target.program(django.url(), &options).run()
    };
    renamed("clients", &[]).exits_with(1).reports_one_error(&[
        "--renamed-from",
        "\"clients\"",
        "imported from customer",
    ]);
    // The options of the old name apply to the new one.
    let refused = renamed("customer", &[]).exits_with(1);
    refused.reports_one_error(&["--closed-column hidden"]);
    is_refused(&target, &django, &table, &["(of customer)"]);
    let closed = ["--closed-column", "hidden"];
    django.run("UPDATE people_customer SET email = 'new@example.com' WHERE id = 2");
    for more in [&["--dry-run"][..], &[]] {
        let output = renamed("customer", &[&closed[..], more].concat()).exits_with(0);
        assert_eq!(counts(&output, 0), [0, 1, 2, 0], "{output:#?}");
    }
    assert_eq!(target.user(2).email, "new@example.com");
    assert!(!target.user(3).is_active);
    // From now on, the table has its new name.
    let again = target.import(&django, &[&table[..], &closed].concat());
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    let refused = target.program(django.url(), &table).run().exits_with(1);
    refused.reports_one_error(&["people_customer passed --closed-column hidden"]);
}

/// An earlier version did not record the table.
#[test]
fn an_account_of_an_unknown_table_is_known_by_its_values() {
    let (django, target) = customers();
    target.change(|conn| {
        diesel::update(django_imports::table)
            .set(django_imports::source_table.eq(None::<String>))
            .execute(conn)
    });
    add_table(&django, "shop_admin", "adm", true);
    is_refused(&target, &django, &["--table", "shop_admin"], &[UNPROVEN]);
    let again = target.import(&django, &OPTIONS);
    assert_eq!(counts(&again, 0), [0, 0, 3, 0]);
    let known: Vec<Option<String>> = target.rows(|conn| {
        django_imports::table
            .select(django_imports::source_table)
            .load(conn)
    });
    assert_eq!(known, vec![Some("customer".to_owned()); 3]);
    is_refused(
        &target,
        &django,
        &["--table", "shop_admin"],
        &["(of customer)"],
    );
}

#[test]
fn texts_as_keys_are_no_evidence_and_uuids_are() {
    for (key, expected) in [
        ("ada", [0, 0, 0, 1]),
        ("0b5c2d3e-0000-4000-8000-000000000007", [0, 1, 0, 0]),
    ] {
        let target = ImportTarget::new();
        for (project, expected) in [("one", [1, 0, 0, 0]), ("two", expected)] {
            let django = Django::empty();
            django.run(&format!(
                "CREATE TABLE customer (id varchar(40), password text, email text, is_active bool); \
                 INSERT INTO customer VALUES ('{key}', 'made-up', '{project}@example.com', true)"
            ));
            let output = target.import(&django, &["--table", "customer"]);
            assert_eq!(counts(&output, 0), expected, "{output:#?}");
        }
    }
}

#[test]
fn tokens_of_another_table_belong_to_no_account_of_this_one() {
    let (django, target) = customers();
    let django = django.with_blacklist();
    add_table(&django, "shop_admin", "adm", true);
    django.blacklist(1, "1", "aa", "2999-01-01 00:00:00");
    let output = target.import(&django, &["--table", "shop_admin"]);
    assert_eq!(counts(&output, 1), [1, 0, 0, 0]);
    let owners: Vec<_> = target.tokens().into_iter().map(|row| row.user_id).collect();
    assert_eq!(owners, [None]);
    let user: User = target.user(1);
    assert_eq!(user.workos_user_id.as_deref(), Some("user_01"));
}
