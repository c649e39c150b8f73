//! A later import that lacks an option of an earlier one opens no account and loses no value.

use diesel::prelude::*;
use vestibule::db::schema::{django_import_items, django_import_options};

use super::add_local_account;
use crate::support::django::{Django, ImportTarget, counts};

/// Accounts 1 (open) and 2, which the column closes with this value.
fn people(column: &str, values: [&str; 2]) -> Django {
    let django = Django::empty();
    let [first, second] = values;
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, {column} text); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', true, {first}), (2, 'a', '2@example.com', true, {second})",
    ));
    django
}

#[test]
fn an_option_that_closed_accounts_cannot_be_forgotten() {
    for (column, values, option) in [
        ("hidden", ["NULL", "'1'"], "--closed-column=hidden"),
        ("is_banned", ["NULL", "'1'"], "--closed-column=is_banned"),
        ("visible", ["'1'", "'0'"], "--active-column=visible"),
        ("phase", ["'on'", "'off'"], "--active-column=phase=on"),
        (
            "paid_to",
            ["'2999-01-01'", "'2026-01-01'"],
            "--active-until-column=paid_to",
        ),
        (
            "dormant_to",
            ["'2026-01-01'", "'2999-01-01'"],
            "--closed-until-column=dormant_to",
        ),
    ] {
        let (django, target) = (people(column, values), ImportTarget::new());
        target.import(&django, &["--table", "people", "--all-active", option]);
        assert!(!target.user(2).is_active, "{option}");
        for more in [&[][..], &["--dry-run"]] {
            let options = [&["--table", "people", "--all-active"][..], more].concat();
            let program = target.program(django.url(), &options);
            let name = option.split('=').next().unwrap();
            let refused = program.run().exits_with(1);
            refused.reports_one_error(&["an earlier import of people", name, column]);
        }
        assert!(!target.user(2).is_active, "{option}");
        let again = target.import(&django, &["--table", "people", "--all-active", option]);
        assert_eq!(counts(&again, 0), [0, 0, 2, 0]);
        // Without the column, nothing can be asked for: the account stays closed, and the report names it.
        django.run(&format!("ALTER TABLE people DROP COLUMN {column}"));
        let kept = target.import(&django, &["--table", "people", "--all-active"]);
        let line = "so that this account stays closed:\n    2\n";
        assert!(kept.stdout.contains(line), "{kept:#?}");
        assert!(!target.user(2).is_active, "{option}");
    }
}

#[test]
fn a_dry_run_remembers_no_option() {
    let (django, target) = (people("hidden", ["NULL", "'1'"]), ImportTarget::new());
    let table = ["--table", "people", "--all-active"];
    let dry = ["--dry-run", "--closed-column", "hidden"];
    target.import(&django, &[&table[..], &dry].concat());
    target.import(&django, &table);
    assert!(target.user(2).is_active);
}

/// Accounts 1 (open), 2 and 3, which have these values of the column `phase`.
fn phases(values: [&str; 3]) -> Django {
    let django = Django::empty();
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, phase text)",
    );
    for (id, value) in (1..).zip(values) {
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, 'a', '{id}@example.com', true, '{value}')"
        ));
    }
    django
}

fn open_accounts(target: &ImportTarget) -> Vec<i64> {
    let users = target.users().into_iter().filter(|user| user.is_active);
    users.map(|user| user.id.into()).collect()
}

fn known_options(target: &ImportTarget) -> Vec<String> {
    target.rows(|conn| {
        let all = django_import_options::table.order(django_import_options::option);
        all.select(django_import_options::option).load(conn)
    })
}

#[test]
fn a_value_that_closed_accounts_cannot_be_forgotten() {
    let (django, target) = (phases(["1", "3", "4"]), ImportTarget::new());
    let table = ["--table", "people"];
    let (three, four) = ("--closed-column=phase=3", "--closed-column=phase=4");
    target.import(&django, &[&table[..], &[three, four]].concat());
    assert_eq!(open_accounts(&target), [1]);
    for more in [&[][..], &["--all-active"], &["--dry-run"]] {
        let options = [&table[..], &[three], more].concat();
        let refused = target.program(django.url(), &options).run().exits_with(1);
        refused.reports_one_error(&["an earlier import of people", "--closed-column phase=4;"]);
    }
    assert_eq!(open_accounts(&target), [1]);
    // One more value is no problem, and cannot be forgotten either.
    let all = [three, four, "--closed-column=phase=5"];
    target.import(&django, &[&table[..], &all].concat());
    let options = [&table[..], &[three, four]].concat();
    let refused = target.program(django.url(), &options).run().exits_with(1);
    refused.reports_one_error(&["--closed-column phase=5;"]);
    // Without the column, what the values closed stays closed.
    django.run("ALTER TABLE people DROP COLUMN phase");
    let kept = target.import(&django, &table);
    let line = "so that these accounts stay closed:\n    2, 3\n";
    assert!(kept.stdout.contains(line), "{kept:#?}");
    assert!(
        kept.stdout.contains("--closed-column phase=4 "),
        "{kept:#?}"
    );
    assert_eq!(open_accounts(&target), [1]);
}

/// A value that is new opens accounts; one that is missing closes some.
#[test]
fn a_new_value_of_open_accounts_is_named() {
    let (django, target) = (phases(["on", "trial", "off"]), ImportTarget::new());
    let table = ["--table", "people"];
    let (on, trial) = ("--active-column=phase=on", "--active-column=phase=trial");
    let remark = "open accounts that earlier imports closed: --active-column phase=trial";
    let first = target.import(&django, &[&table[..], &[on]].concat());
    assert_eq!(open_accounts(&target), [1]);
    let second = target.import_with_dry_run(&django, &[&table[..], &[on, trial]].concat());
    assert!(second.stdout.contains(remark), "{second:#?}");
    assert_eq!(open_accounts(&target), [1, 2]);
    let third = target.import(&django, &[&table[..], &[on]].concat());
    assert_eq!(open_accounts(&target), [1]);
    for output in [first, third] {
        assert!(!output.stdout.contains(remark), "{output:#?}");
    }
    django.run("UPDATE people SET phase = 'on' WHERE id = 2");
    target.import(&django, &[&table[..], &[on]].concat());
    assert_eq!(open_accounts(&target), [1, 2]);
    django.run("ALTER TABLE people DROP COLUMN phase");
    target.import(&django, &[&table[..], &["--all-active"]].concat());
    assert_eq!(open_accounts(&target), [1, 2]);
}

/// An earlier version has recorded that values were named, and not which.
#[test]
fn an_option_that_an_earlier_version_recorded_without_its_value_counts() {
    for (option, recorded) in [
        ("--closed-column=phase=off", "--closed-column phase=VALUE"),
        ("--active-column=phase=on", "--active-column phase=VALUE"),
    ] {
        let (django, target) = (phases(["on", "off", "off"]), ImportTarget::new());
        let table = ["--table", "people"];
        let options = [&table[..], &[option]].concat();
        target.import(&django, &options);
        target.change(|conn| {
            let option = django_import_options::option;
            let named = django_import_options::table.filter(option.like("%phase=%"));
            diesel::update(named)
                .set(django_import_options::option.eq(recorded))
                .execute(conn)?;
            let value = django_import_items::value;
            let named = django_import_items::table.filter(value.like("%phase=%"));
            diesel::update(named)
                .set(django_import_items::value.eq(recorded))
                .execute(conn)
        });
        let refused = [&table[..], &["--all-active"]].concat();
        let refused = target.program(django.url(), &refused).run().exits_with(1);
        refused.reports_one_error(&["an earlier import of people", recorded]);
        target.import(&django, &options);
        assert_eq!(open_accounts(&target), [1], "{option}");
        let known = known_options(&target);
        let of_phase = known.iter().filter(|known| known.contains("phase="));
        assert_eq!(of_phase.count(), 2, "{option}");
        // The account follows Django.
        django.run("UPDATE people SET phase = 'on' WHERE id = 2");
        target.import(&django, &options);
        assert_eq!(open_accounts(&target), [1, 2], "{option}");
        django.run("ALTER TABLE people DROP COLUMN phase");
        target.import(&django, &table);
        assert_eq!(open_accounts(&target), [1, 2], "{option}");
    }
}

#[test]
fn a_column_that_a_later_import_does_not_read_is_unchanged() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, given text, \
             family text, staff bool, super bool, handle text); \
         INSERT INTO people VALUES (1, 'pbkdf2_sha256$1$a$b', '1@example.com', true, 'Ada', 'L', true, true, 'ada')",
    );
    let table = ["--table", "people"];
    let columns = [
        "--column=first_name=given",
        "--column=last_name=family",
        "--column=is_staff=staff",
        "--column=is_superuser=super",
        "--column=username=handle",
    ];
    target.import(&django, &[&table[..], &columns].concat());
    let first = target.user(1);
    assert!(first.is_staff && first.is_superuser && first.first_name == "Ada");
    let again = target.import(&django, &table);
    assert_eq!(counts(&again, 0), [0, 0, 1, 0]);
    assert_eq!(target.user(1), first);
    // A new email comes over, and nothing else changes.
    django.run("UPDATE people SET email = 'new@example.com'");
    target.import(&django, &table);
    let changed = target.user(1);
    assert_eq!(changed.email, "new@example.com");
    assert_eq!(
        (changed.first_name, changed.last_name, changed.username),
        (first.first_name, first.last_name, first.username)
    );
    assert!(changed.is_staff && changed.is_superuser);
    // What is read again follows Django.
    django.run("UPDATE people SET staff = false, given = 'Ann'");
    target.import(&django, &[&table[..], &columns].concat());
    let last = target.user(1);
    assert!(!last.is_staff && last.first_name == "Ann");
}

#[test]
fn an_account_that_django_reopens_gets_the_email_of_one_that_it_closes() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "1@example.com");
    django.add(2, "2@example.com");
    django.set(2, "is_active = false");
    target.import(&django, &[]);
    django.set(1, "is_active = false");
    django.set(2, "is_active = true, email = '1@example.com'");
    let dry = target.import(&django, &["--dry-run"]);
    let output = target.import(&django, &[]);
    for output in [&dry, &output] {
        assert_eq!(counts(output, 0), [0, 2, 0, 0], "{output:#?}");
        let line = "1 account opened that an earlier import closed: 2";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    let (one, two) = (target.user(1), target.user(2));
    assert!(!one.is_active && two.is_active);
    assert_eq!(two.email, "1@example.com");
}

/// The user was deleted in Django, and has registered there again.
#[test]
fn an_account_that_was_closed_here_gives_up_its_email() {
    let (django, target) = (Django::new(), ImportTarget::new());
    django.add(1, "1@example.com");
    django.add(2, "2@example.com");
    target.import(&django, &[]);
    django.run("DELETE FROM auth_user WHERE id = 1");
    django.add(9, "1@example.com");
    let local = add_local_account(&target, "here@example.com");
    let refused = target.import(&django, &[]);
    assert_eq!(counts(&refused, 0), [0, 0, 1, 1]);
    let line = "1 open account that was imported and that Django no longer has; close it with \
                `vestibule deactivate EMAIL`: 1\n";
    let report = format!("{}\n", refused.stdout);
    assert!(report.contains(line), "{refused:#?}");
    assert!(!refused.stdout.contains(&local.to_string()), "{refused:#?}");
    target.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::users;
        diesel::update(users::table.find(1))
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    let output = target.import(&django, &[]);
    assert_eq!(counts(&output, 0), [1, 0, 1, 0], "{output:#?}");
    assert_eq!(target.user(9).email, "1@example.com");
    assert_eq!(target.user(1).email, "");
    assert!(!output.stdout.contains("no longer has"), "{output:#?}");
}

#[test]
fn the_report_counts_open_and_closed_accounts() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in 1..=5 {
        django.add(id, &format!("{id}@example.com"));
    }
    django.set(4, "is_active = false");
    django.set(5, "email = 'none', is_active = false");
    for more in [&["--dry-run"][..], &[], &[]] {
        let output = target.import(&django, more);
        let lines = "  accounts after the import\n           3 open\n           1 closed\n";
        assert!(output.stdout.contains(lines), "{output:#?}");
    }
}

/// Nothing has to be done about a closed account.
#[test]
fn a_closed_row_whose_email_is_taken_has_its_own_reason() {
    let (django, target) = (Django::new(), ImportTarget::new());
    for id in [1, 2] {
        django.add(id, "ann@example.com");
    }
    django.set(1, "is_active = false");
    let output = target.import(&django, &[]);
    let line = "1 closed account whose email belongs to another account: 1 (by 2)\n";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert!(
        !output.stdout.contains("close one in Django"),
        "{output:#?}"
    );
    django.add(3, "ann@example.com");
    let output = target.import(&django, &[]);
    assert!(output.stdout.contains("close one in Django"), "{output:#?}");
}
