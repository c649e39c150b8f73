//! A month of sessions leaves no table growing.

use std::time::Duration;

use diesel::prelude::*;
use serde_json::json;
use vestibule::db::schema::{ended_sessions, refresh_tokens, sessions};
use vestibule::purge::purge;

use crate::support::app::{TestApp, Visitor};

const HOUR: i64 = 3_600;
const DAYS: usize = 45;
/// Everything has ended by then: a session's two weeks, and the day that an ended one stays.
const SETTLED: usize = 16;

/// Rows of sessions, refresh tokens, and sessions that the database noticed.
fn rows(app: &TestApp) -> [i64; 3] {
    app.rows(|conn| {
        Ok([
            sessions::table.count().get_result(conn)?,
            refresh_tokens::table.count().get_result(conn)?,
            ended_sessions::table.count().get_result(conn)?,
        ])
    })
}

/// Three browsers sign in: one signs out, one never comes back, of one the row is deleted.
async fn a_day_begins(app: &TestApp) {
    for signs_out in [true, false] {
        let visitor = app.signed_in("ada@example.com").await;
        visitor.call("/api/auth/session", &json!({})).await;
        if signs_out {
            visitor.get("/auth/logout").await;
        }
    }
    app.signed_in("olive@example.com").await;
    app.change(|conn| {
        diesel::sql_query(
            "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = 'olive@example.com')",
        )
        .execute(conn)
    });
}

#[tokio::test]
async fn a_month_of_sessions_leaves_no_table_growing() {
    let app = TestApp::start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(8 * 3_600));
    let mut stays: Option<Visitor> = None;
    let mut most = [0; 3];
    for day in 0..DAYS {
        if day % 14 == 0 {
            stays = Some(app.signed_in("ada@example.com").await);
        }
        a_day_begins(&app).await;
        for _ in 0..4 {
            app.pass(6 * HOUR - 1);
            let stays = stays.as_ref().expect("somebody stays");
            assert!(stays.is_signed_in().await, "day {day}");
        }
        purge(
            &app.database,
            app.settings.tokens.access_lifetime,
            app.now(),
        )
        .await
        .unwrap();
        let rows = rows(&app);
        if day < SETTLED {
            most = std::array::from_fn(|table| most[table].max(rows[table]));
        } else {
            let grown = (0..3).any(|table| rows[table] > most[table] + 2);
            assert!(!grown, "day {day}: {rows:?}, after {SETTLED} days {most:?}");
        }
    }
    println!(
        "{DAYS} days, {} renewals: at most {most:?} rows of sessions, refresh tokens and noticed ends after {SETTLED} days, {:?} at the end",
        app.renewals(),
        rows(&app)
    );
    assert!(app.renewals() > DAYS, "the session that stays was renewed");
    app.pass(40 * 24 * HOUR);
    purge(
        &app.database,
        app.settings.tokens.access_lifetime,
        app.now(),
    )
    .await
    .unwrap();
    assert_eq!(rows(&app), [0; 3], "in the end nothing is left");
}
