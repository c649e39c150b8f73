//! Options that do not fit the names or values of their columns, and would open closed accounts.

use crate::support::django::{Django, ImportTarget};

/// Two accounts, of which the second one has this value in the column.
fn people(column: &str, value: &str) -> Django {
    let django = Django::empty();
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, {column} text); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', true, NULL), (2, 'a', '2@example.com', true, {value})"
    ));
    django
}

const PAST: &str = "'2025-01-01 10:00:00'";
const FUTURE: &str = "'2099-01-01 10:00:00'";

fn run(django: &Django, target: &ImportTarget, options: &[&str]) -> Vec<String> {
    target.import(django, &[&["--table", "people"], options].concat());
    let open = target.users().into_iter().filter(|user| user.is_active);
    open.map(|user| user.email).collect()
}

#[test]
fn an_option_that_does_not_fit_its_column_is_refused() {
    for (option, column, value, right) in [
        (
            "--closed-until-column",
            "deleted_at",
            PAST,
            "--closed-column",
        ),
        (
            "--closed-until-column",
            "deleted_at",
            FUTURE,
            "--closed-column",
        ),
        (
            "--closed-until-column",
            "suspended_at",
            PAST,
            "--closed-column",
        ),
        (
            "--closed-until-column",
            "pruned_at",
            PAST,
            "--closed-column",
        ),
        (
            "--closed-until-column",
            "expires_at",
            FUTURE,
            "--active-until-column",
        ),
        (
            "--closed-until-column",
            "exit_date",
            PAST,
            "--closed-column",
        ),
        (
            "--closed-until-column",
            "approved_at",
            FUTURE,
            "--active-column",
        ),
        ("--active-column", "is_deleted", "'1'", "--closed-column"),
        ("--active-column", "deleted_at", PAST, "--closed-column"),
        ("--active-column", "email_blocked", "'1'", "--closed-column"),
        (
            "--active-column",
            "premium_until",
            PAST,
            "--active-until-column",
        ),
        (
            "--active-column",
            "unlock_at",
            PAST,
            "--closed-until-column",
        ),
        ("--closed-column", "is_approved", "'1'", "--active-column"),
        ("--closed-column", "approved_at", PAST, "--active-column"),
        ("--closed-column", "can_login", "'1'", "--active-column"),
        ("--closed-column", "not_deleted", "'1'", "--active-column"),
        (
            "--active-until-column",
            "banned_until",
            FUTURE,
            "--closed-until-column",
        ),
        (
            "--active-until-column",
            "valid_from",
            FUTURE,
            "--closed-until-column",
        ),
        (
            "--active-until-column",
            "activated_at",
            FUTURE,
            "--active-column",
        ),
    ] {
        let (django, target) = (people(column, value), ImportTarget::new());
        let options = ["--table", "people", "--all-active", option, column];
        let refused = target.program(django.url(), &options).run().exits_with(1);
        refused.reports_one_error(&[
            &format!("{option} {column}: "),
            &format!("; pass {right} {column}. "),
        ]);
        assert!(target.users().is_empty(), "{option} {column}");
        // The option that the error names is accepted.
        run(&django, &target, &[right, column]);
    }
    for (column, word) in [
        ("is_deleted", "1"),
        ("is_banned", "true"),
        ("is_approved", "0"),
    ] {
        let (django, target) = (people(column, "'1'"), ImportTarget::new());
        let option = format!("--active-column={column}={word}");
        let options = ["--table", "people", &option];
        let refused = target.program(django.url(), &options).run().exits_with(1);
        refused.reports_one_error(&[
            &format!("--active-column {column}={word}: "),
            "closed accounts",
        ]);
    }
}

#[test]
fn an_option_that_fits_is_accepted() {
    for (option, column, value, open) in [
        ("--closed-until-column", "suspended_at", FUTURE, 1),
        ("--closed-until-column", "banned_until", PAST, 2),
        ("--closed-until-column", "pruned_at", FUTURE, 1),
        ("--closed-until-column", "valid_from", FUTURE, 1),
        ("--closed-until-column", "valid_from", PAST, 2),
        ("--active-until-column", "deleted_at", PAST, 1),
        ("--active-until-column", "premium_until", PAST, 1),
        ("--closed-column", "approval_required", "'1'", 1),
        ("--closed-column", "active_until", PAST, 1),
        ("--active-column=is_deleted=0", "is_deleted", "'0'", 1),
    ] {
        let (django, target) = (people(column, value), ImportTarget::new());
        let options = match option.contains('=') {
            true => vec![option],
            false => vec![option, column],
        };
        assert_eq!(
            run(&django, &target, &options).len(),
            open,
            "{option} {column}"
        );
    }
}
