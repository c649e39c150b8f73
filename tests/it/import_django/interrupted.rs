//! An import that is killed and run again.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use vestibule::db::schema::{django_imports, users};

use super::add_local_account;
use crate::support::django::{Django, ImportTarget, counts};

const ROWS: i64 = 30_000;

fn many(django: &Django) {
    let numbers = if django.file().is_some() {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
    } else {
        "WITH n AS (SELECT generate_series(1, 30000) AS i)"
    };
    let insert = "INSERT INTO auth_user SELECT i, 'made-up$' || i, NULL, false, 'user' || i, 'First', \
         'Last', 'user' || i || '@example.com', false, true, '2026-01-02 03:04:05.678901' FROM n";
    // A WITH belongs before the SELECT in both dialects.
    let (into, select) = insert.split_once("SELECT").unwrap();
    django.run(&format!("{into} {numbers} SELECT {select}"));
}

fn imported(target: &ImportTarget) -> i64 {
    target.rows(|conn| users::table.count().get_result(conn))
}

#[test]
fn a_second_run_completes_an_interrupted_import() {
    let (django, target) = (Django::new(), ImportTarget::new());
    many(&django);
    let running = target.program(django.url(), &[]).start();
    let deadline = Instant::now() + Duration::from_secs(60);
    while imported(&target) < 3000 {
        assert!(
            Instant::now() < deadline,
            "nothing is imported: {}",
            running.printed()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    // Dropping it kills the process.
    drop(running);
    let half = imported(&target);
    assert!((3000..ROWS).contains(&half), "killed in the middle: {half}");
    assert_eq!(half % 1000, 0, "whole batches");
    let known: i64 = target.rows(|conn| django_imports::table.count().get_result(conn));
    assert_eq!(known, half);
    // The next id was raised before the first row was written.
    let here = add_local_account(&target, "here@example.com");
    assert!(here > ROWS + 1_000_000, "{here}");

    let rest = target.import(&django, &[]);
    let (half, rows) = (half.unsigned_abs(), ROWS.unsigned_abs());
    assert_eq!(counts(&rest, 0), [rows - half, 0, half, 0]);
    let ids: Vec<i64> = target
        .users()
        .into_iter()
        .map(|user| user.id.into())
        .collect();
    assert!(
        ids.into_iter().eq((1..=ROWS).chain([here])),
        "each row once"
    );
}
