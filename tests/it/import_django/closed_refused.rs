//! Rows that Django has closed and that are refused close their accounts, or the report says that these are open.

use diesel::prelude::*;
use vestibule::db::schema::users;

use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::ProgramOutput;

#[track_caller]
fn ends_with(output: &ProgramOutput, parts: [&str; 2]) {
    let (_, end) = output
        .stdout
        .split_once(parts[0])
        .unwrap_or_else(|| panic!("{output:#?}"));
    let lines: Vec<&str> = end.lines().skip(1).collect();
    let expected: Vec<&str> = parts[1].split('|').collect();
    assert_eq!(lines, expected, "{output:#?}");
    assert!(end.contains("`vestibule deactivate EMAIL`"), "{output:#?}");
}

fn open(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter().filter(|user| user.is_active);
    users.map(|user| user.id.into()).collect()
}

/// A table of texts without `date_joined`, which can hold values that Django's cannot, with accounts 1 to 4.
fn people(more: &str) -> Django {
    let django = Django::empty();
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, first_name text, is_active text, \
             is_staff text, workos text{more})"
    ));
    for id in 1..=4 {
        django.run(&format!(
            "INSERT INTO people (id, password, email, is_active, is_staff) VALUES ({id}, 'made-up', \
                 '{id}@example.com', '1', '0')"
        ));
    }
    django
}

const TABLE: [&str; 4] = ["--table", "people", "--workos-id-column", "workos"];

#[test]
fn a_row_that_is_its_accounts_closes_it_whatever_else_is_wrong_with_it() {
    let (django, target) = (people(""), ImportTarget::new());
    target.import_with_dry_run(&django, &TABLE);
    django.run(
        "UPDATE people SET is_active = '0'; \
         UPDATE people SET is_staff = 'perhaps' WHERE id = 1; \
         UPDATE people SET workos = 'user 1', email = 'other@example.com' WHERE id = 2; \
         UPDATE people SET workos = 'user 3' WHERE id = 3",
    );
    let output = target.import_with_dry_run(&django, &TABLE);
    assert_eq!(counts(&output, 0), [0, 1, 0, 3], "{output:#?}");
    let note = "2 accounts closed although other values of their rows cannot be imported: 1, 3\n";
    assert!(output.stdout.contains(note), "{output:#?}");
    assert_eq!(open(&target), [2]);
    ends_with(
        &output,
        [
            "Closed in Django, still open here, because nothing shows",
            "    2 (2@example.com)",
        ],
    );
    // Closed accounts are not named, and another import says the same.
    let again = target.import_with_dry_run(&django, &TABLE);
    ends_with(
        &again,
        [
            "Closed in Django, still open here, because nothing shows",
            "    2 (2@example.com)",
        ],
    );
    assert!(!again.stdout.contains("closed although"), "{again:#?}");
    target.change(|conn| {
        diesel::update(users::table.find(2))
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    let last = target.import_with_dry_run(&django, &TABLE);
    assert!(!last.stdout.contains("still open here"), "{last:#?}");
    // Once the rows are right, Django opens them.
    django.run("UPDATE people SET is_active = '1', is_staff = '0', workos = NULL");
    target.import_with_dry_run(&django, &TABLE);
    assert_eq!(open(&target), [1, 3, 4]);
}

#[test]
fn a_row_that_may_be_another_persons_closes_nothing_and_its_account_is_named() {
    let (django, target) = (people(""), ImportTarget::new());
    target.import_with_dry_run(&django, &TABLE);
    django.run(
        "UPDATE people SET email = 'other' || id || '@example.com'; \
         UPDATE people SET is_active = '0' WHERE id IN (1, 3)",
    );
    let output = target.import_with_dry_run(&django, &TABLE);
    assert_eq!(counts(&output, 0), [0, 0, 0, 4]);
    assert_eq!(open(&target), [1, 2, 3, 4]);
    ends_with(
        &output,
        [
            "Closed in Django, still open here, because nothing shows",
            "    1 (1@example.com)|    3 (3@example.com)",
        ],
    );
}

#[test]
fn a_time_that_cannot_be_read_is_named_unless_another_column_closes_the_account() {
    let (django, target) = (
        people(", banned_until text, approved text"),
        ImportTarget::new(),
    );
    django.run("UPDATE people SET approved = 'yes'");
    let options = [
        &TABLE[..],
        &[
            "--closed-until-column",
            "banned_until",
            "--active-column",
            "approved",
        ],
    ]
    .concat();
    target.import_with_dry_run(&django, &options);
    django.run(
        "UPDATE people SET banned_until = 'for ever'; \
         UPDATE people SET is_active = '0' WHERE id = 2; \
         UPDATE people SET is_active = 'perhaps', approved = 'no' WHERE id = 3; \
         UPDATE people SET email = 'other@example.com' WHERE id = 4",
    );
    let output = target.import_with_dry_run(&django, &options);
    assert_eq!(counts(&output, 0), [0, 2, 0, 2], "{output:#?}");
    assert_eq!(open(&target), [1, 4]);
    ends_with(
        &output,
        [
            "Perhaps closed in Django, still open here, because a flag or time",
            "    1 (1@example.com)|    4 (4@example.com)",
        ],
    );
}

#[test]
fn rows_of_another_table_name_only_accounts_that_are_the_same_peoples() {
    let (django, target) = (people(""), ImportTarget::new());
    target.import_with_dry_run(&django, &TABLE);
    django.run("ALTER TABLE people RENAME TO clients; UPDATE clients SET is_active = '0', email = 'x' || email WHERE id = 1");
    django.run("UPDATE clients SET is_active = '0' WHERE id = 2");
    let output = target.import_with_dry_run(&django, &["--table", "clients"]);
    assert_eq!(counts(&output, 0), [0, 0, 0, 4]);
    assert_eq!(open(&target), [1, 2, 3, 4]);
    assert!(
        output
            .stdout
            .contains("pass --renamed-from, or close it with"),
        "{output:#?}"
    );
    ends_with(
        &output,
        [
            "still open here, because the account was imported from",
            "    2 (2@example.com)",
        ],
    );
}

#[test]
fn an_account_that_was_opened_here_since_stays_open_and_is_not_named() {
    let (django, target) = (people(""), ImportTarget::new());
    django.run("UPDATE people SET is_active = '0'");
    target.import_with_dry_run(&django, &TABLE);
    target.change(|conn| {
        diesel::update(users::table)
            .set(users::is_active.eq(true))
            .execute(conn)
    });
    django.run(
        "UPDATE people SET email = 'other@example.com' WHERE id = 1; \
         UPDATE people SET is_staff = 'perhaps' WHERE id = 2",
    );
    let output = target.import_with_dry_run(&django, &TABLE);
    assert_eq!(open(&target), [1, 2, 3, 4]);
    assert!(!output.stdout.contains("still open here"), "{output:#?}");
}

/// A sign-in changes the row while the import writes it. Here a trigger prevents the first write.
#[test]
fn an_account_that_changes_while_it_is_closed_is_closed_all_the_same() {
    let (django, target) = (Django::new(), ImportTarget::sqlite());
    django.add(1, "1@example.com");
    target.import(&django, &[]);
    django.set(1, "is_active = false, last_name = 'New'");
    target.change(|conn| {
        let trigger = "CREATE TRIGGER changed BEFORE UPDATE OF last_name ON users BEGIN SELECT RAISE(IGNORE); END";
        diesel::sql_query(trigger).execute(conn)
    });
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [0, 1, 0, 0]);
    let user = target.user(1);
    assert_eq!((user.is_active, user.last_name.as_str()), (false, "Last 1"));
    assert_eq!(user.token_version, 1);
}
