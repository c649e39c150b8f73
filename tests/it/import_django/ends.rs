//! Columns with the time until which an account is open. A time that has passed closes the account.

use crate::support::django::{Django, ImportTarget, counts};
use crate::support::real_django::{RealDjango, dumpdata};

const GUESTS: [&str; 2] = ["--table", "people_guest"];
const UNTIL: [&str; 4] = [
    "--active-until-column",
    "active_until",
    "--active-until-column",
    "expires_on",
];
const OPEN: [&str; 3] = ["endless", "future", "later"];

/// The names of the active accounts.
fn open_accounts(target: &ImportTarget) -> Vec<String> {
    let users = target.users().into_iter().filter(|user| user.is_active);
    let names = users.map(|user| user.email.replace("@example.com", ""));
    names.collect()
}

#[test]
fn a_real_table_with_ends_is_imported_after_a_question() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    let asked = target.program(django.url(), &GUESTS).run().exits_with(1);
    asked.reports_one_error(&[&UNTIL.join(" "), "the time until which", "--all-active"]);
    let output = target.import(&django, &[&GUESTS[..], &UNTIL].concat());
    assert_eq!(counts(&output, 0), [6, 0, 0, 0]);
    assert_eq!(open_accounts(&target), OPEN);
    // What was open and has ended since is closed by the next import, and the other way round.
    django.run(
        "UPDATE people_guest SET active_until = '2026-01-01 10:00:00' WHERE email = 'endless@example.com'; \
         UPDATE people_guest SET active_until = '2099-01-01 10:00:00' WHERE email = 'past@example.com'",
    );
    let output = target.import(&django, &[&GUESTS[..], &UNTIL].concat());
    assert_eq!(counts(&output, 0), [0, 2, 4, 0]);
    assert_eq!(open_accounts(&target), ["past", "future", "later"]);
}

#[test]
fn a_dump_of_a_real_table_with_ends_is_imported_as_the_table_is() {
    let ((django, _), target) = (RealDjango::on_sqlite(), ImportTarget::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    std::fs::write(&path, dumpdata(&django, &["people"])).unwrap();
    let options = [&GUESTS[..], &UNTIL].concat();
    let program = target.program(path.to_str().unwrap(), &options);
    program.run().exits_with(0);
    assert_eq!(open_accounts(&target), OPEN);
}

/// As a flag, every time would open the account.
#[test]
fn an_end_is_not_accepted_as_a_flag() {
    let (django, _) = RealDjango::on_this_runs_backend();
    let target = ImportTarget::new();
    for flag in [
        ["--active-column", "active_until"],
        ["--column", "is_active=active_until"],
    ] {
        for more in [&["--all-active"][..], &UNTIL[2..]] {
            let options = [&GUESTS[..], &flag, more].concat();
            let refused = target.program(django.url(), &options).run().exits_with(1);
            refused.reports_one_error(&["--active-until-column active_until"]);
        }
    }
    assert!(target.users().is_empty());
    // With both options, an account without a time is closed too.
    let options = ["--active-column", "active_until"];
    target.import(&django, &[&GUESTS[..], &UNTIL, &options].concat());
    assert_eq!(open_accounts(&target), ["future"]);
    // As a flag of closed accounts, every time closes, one in the future too.
    let target = ImportTarget::new();
    let options = ["--closed-column", "active_until"];
    target.import(&django, &[&GUESTS[..], &UNTIL[2..], &options].concat());
    assert_eq!(open_accounts(&target), ["endless", "later"]);
}

#[test]
fn a_text_is_a_time_or_the_row_is_refused() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, valid_until text)",
    );
    for (id, until) in [
        (1, "''"),
        (2, "NULL"),
        (3, "' 2999-01-01 '"),
        (4, "'2999-01-01T10:00:00.5Z'"),
        (5, "'2999-01-01 10:00:00+00:00'"),
        (6, "'0001-01-01'"),
        (7, "'2026-01-01T10:00:00Z'"),
        (8, "'2026-01-01 10:00:00.123456'"),
        (9, "'now'"),
        (10, "'true'"),
        (11, "'1999999999'"),
        (12, "'aaaa-bb-cc'"),
        (13, "'2999-01-01 soon'"),
    ] {
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, 'a', '{id}@example.com', true, {until})"
        ));
    }
    let options = ["--table", "people", "--active-until-column", "valid_until"];
    let dry = target.import(&django, &[&options[..], &["--dry-run"]].concat());
    let output = target.import(&django, &options);
    for output in [&dry, &output] {
        assert_eq!(counts(output, 0), [8, 0, 0, 5]);
        let line = "5 times that cannot be read: 9, 10, 11, 12, 13\n";
        assert!(output.stdout.contains(line), "{output:#?}");
    }
    assert_eq!(open_accounts(&target), ["1", "2", "3", "4", "5"]);
}

/// A day, as PostgreSQL and Django on SQLite write it, has ended when it begins, so that nobody is open on a day that
/// Django takes for the first closed one.
#[test]
fn a_day_ends_the_account_when_it_begins() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    let today = chrono::Utc::now().format("%Y-%m-%d");
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, expires date); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', true, '{today}')"
    ));
    let options = ["--table", "people", "--active-until-column", "expires"];
    target.import(&django, &options);
    assert_eq!(open_accounts(&target), [""; 0]);
}

/// The end of a ban is in the future as long as the account is closed.
#[test]
fn a_ban_closes_the_account_until_it_ends() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    let today = chrono::Utc::now().format("%Y-%m-%d");
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, banned_until text); \
         INSERT INTO people VALUES (1, 'a', '1@example.com', true, NULL), (2, 'a', '2@example.com', true, ''), \
             (3, 'a', '3@example.com', true, '2026-01-01 10:00:00'), (4, 'a', '4@example.com', true, '2999-01-01'), \
             (5, 'a', '5@example.com', true, '{today}'), (6, 'a', '6@example.com', true, 'infinity'), \
             (7, 'a', '7@example.com', true, 'soon'), (8, 'a', '8@example.com', false, '2026-01-01')"
    ));
    let table = ["--table", "people"];
    let asked = target.program(django.url(), &table).run().exits_with(1);
    asked.reports_one_error(&["--closed-until-column banned_until", "closed, as of a ban"]);
    for wrong in ["--active-until-column", "--active-column"] {
        let options = [&table[..], &[wrong, "banned_until"]].concat();
        let refused = target.program(django.url(), &options).run().exits_with(1);
        refused.reports_one_error(&[wrong, "--closed-until-column banned_until"]);
    }
    let options = [&table[..], &["--closed-until-column", "banned_until"]].concat();
    let output = target.import(&django, &options);
    assert_eq!(counts(&output, 0), [7, 0, 0, 1]);
    assert_eq!(open_accounts(&target), ["1", "2", "3"]);
    // The ban ends, and another one begins.
    django.run(
        "UPDATE people SET banned_until = '2999-01-01' WHERE id = 1; \
         UPDATE people SET banned_until = '2026-01-01' WHERE id = 4",
    );
    target.import(&django, &options);
    assert_eq!(open_accounts(&target), ["2", "3", "4"]);
}
