//! Columns with times that some accounts have, of whatever name and type.

use crate::support::django::{Django, ImportTarget};

/// Forty accounts, every second one with another time in each of these columns.
fn people(kind: &str, names: &[&str]) -> Django {
    let django = Django::empty();
    let columns: Vec<_> = names.iter().map(|name| format!("{name} {kind}")).collect();
    let columns = columns.join(", ");
    django.run(&format!(
        "CREATE TABLE people (id integer PRIMARY KEY, password text, email text, is_active bool, {columns})"
    ));
    for id in 1..=40 {
        let value = match id % 2 {
            0 => "NULL".to_owned(),
            _ => format!("'2025-{:02}-{:02} 10:00:00'", id % 9 + 1, id % 28 + 1),
        };
        let values = vec![value; names.len()].join(", ");
        django.run(&format!(
            "INSERT INTO people VALUES ({id}, 'a', '{id}@example.com', true, {values})"
        ));
    }
    django
}

const TABLE: [&str; 2] = ["--table", "people"];

#[test]
fn a_time_of_an_end_is_asked_about_and_every_other_one_is_listed() {
    let asked = [
        "fired_at",
        "exit_date",
        "on_hold_since",
        "not_after",
        "deprovisioned_at",
        "left_on",
    ];
    let listed = ["x", "premium_until", "token_revoked_at", "last_seen"];
    for kind in ["timestamp", "date", "text"] {
        let names = [&asked[..], &listed].concat();
        let (django, target) = (people(kind, &names), ImportTarget::new());
        let question = target.program(django.url(), &TABLE).run().exits_with(1);
        let parts = asked.map(|name| format!("-column {name}"));
        for name in listed {
            let named = format!("-column {name}");
            assert!(!question.stderr.contains(&named), "{question:#?}");
        }
        question.reports_one_error(&parts.each_ref().map(String::as_str));
        let options = [&TABLE[..], &["--all-active"]].concat();
        let output = target.import(&django, &options);
        for name in names {
            let line = format!("\n    {name}: 20 with a time, 20 without");
            assert!(
                output.stdout.contains(&line),
                "{kind} {line} in {output:#?}"
            );
        }
    }
}

/// Times to come are those of ends, or of beginnings.
#[test]
fn times_to_come_are_counted() {
    let (django, target) = (
        people("timestamp", &["x", "valid_from"]),
        ImportTarget::new(),
    );
    let output = target.import(&django, &TABLE);
    assert!(
        output
            .stdout
            .contains("\n    x: 20 with a time, 20 without"),
        "{output:#?}"
    );
    django.run("UPDATE people SET x = '2999-01-01', valid_from = '2999-01-01' WHERE id < 3");
    let asked = target.program(django.url(), &TABLE).run().exits_with(1);
    asked.reports_one_error(&[
        "--closed-until-column valid_from",
        "until which an account is closed",
    ]);
    let options = [&TABLE[..], &["--closed-until-column", "valid_from"]].concat();
    let output = target.import(&django, &options);
    let line = "\n    x: 21 with a time, 19 without, 2 to come";
    assert!(output.stdout.contains(line), "{output:#?}");
    let closed = target.users().into_iter().filter(|user| !user.is_active);
    let closed: Vec<i64> = closed.map(|user| user.id.into()).collect();
    assert_eq!(closed, [1, 2]);
}
