//! After a month of sessions no table grows any more.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::purge::{purge, purge_if_due};

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::app::{TestApp, Visitor};
use crate::webhooks::{self, send_event};

const HOUR: i64 = 3_600;
const DAYS: i64 = 45;
/// All rows have expired by then: WorkOS's events are kept for thirty days, other rows for less.
const SETTLED: i64 = 32;
/// Ada, Olive, Twyla; Una's address is never verified.
const PEOPLE: i64 = 3;

/// A user whose browser stays signed in, and whose page rotates its tokens.
struct Stays {
    browser: Visitor,
    refresh: String,
}

impl Stays {
    async fn new(app: &TestApp) -> Self {
        let browser = in_organization(app, TWYLA, ORCHARDS).await;
        let given = browser.post_json("/api/auth/session", &json!({})).await;
        let refresh = given.text("refresh_token");
        Self { browser, refresh }
    }

    async fn comes_back(&mut self, day: i64) {
        assert!(self.browser.is_signed_in().await, "day {day}");
        let shown = json!({ "refresh": self.refresh });
        let given = self.browser.post_json("/api/token/refresh", &shown).await;
        self.refresh = given.text("refresh");
    }

    async fn switches(&self, app: &TestApp, day: i64) {
        let to = if day % 2 == 0 { TANDEM } else { ORCHARDS };
        let answer = switch(app, &self.browser, to).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "day {day}");
    }
}

/// Three browsers sign in: one signs out, one is never used again, and the row of one is deleted. A
/// fourth does not complete its sign-in. WorkOS sends events of a changed and of a deleted user.
async fn a_day_begins(app: &TestApp, day: i64) {
    for signs_out in [true, false] {
        let visitor = app.signed_in("ada@example.com").await;
        visitor.post_json("/api/auth/session", &json!({})).await;
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
    app.visitor().sign_in("una@example.com").await;
    assert!(!app.pending_sign_ins().is_empty());
    let ada = app.user("ada@example.com").workos_user_id.expect("linked");
    let ada = webhooks::user(app, &ada, "ada@example.com", 0);
    send_event(app, &format!("changed_{day}"), "user.updated", ada).await;
    let gone = json!({ "id": format!("user_{day}") });
    send_event(app, &format!("deleted_{day}"), "user.deleted", gone).await;
}

/// Purges as the server does each hour. The server itself may purge first, and may still be running.
async fn an_hour_has_passed(app: &TestApp) {
    let lifetime = app.settings.tokens.access_lifetime;
    let due = purge_if_due(&app.database, lifetime, app.now()).await;
    if due.unwrap().is_none() {
        purge(&app.database, lifetime, app.now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_month_of_sessions_leaves_no_table_growing() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", webhooks::SECRET)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(8 * 3_600));
    let mut expected = app.rows_of_tables();
    let mut most = BTreeMap::new();
    let mut stays = Stays::new(&app).await;
    for day in 0..DAYS {
        if day > 0 && day % 14 == 0 {
            stays = Stays::new(&app).await;
        }
        a_day_begins(&app, day).await;
        for _ in 0..4 {
            app.advance(6 * HOUR - 1);
            stays.comes_back(day).await;
            an_hour_has_passed(&app).await;
        }
        stays.switches(&app, day).await;
        for (table, rows) in app.rows_of_tables() {
            let most = most.entry(table.clone()).or_insert(rows);
            if day < SETTLED {
                *most = rows.max(*most);
            } else {
                assert!(
                    rows <= *most + 2,
                    "day {day}: {rows} {table}, before {most}"
                );
            }
        }
    }
    println!(
        "{DAYS} days, {} renewals, at most so many rows after {SETTLED} days: {most:?}",
        app.renewals(),
    );
    for table in [
        "sessions",
        "refresh_tokens",
        "ended_sessions",
        "webhook_events",
    ] {
        assert!(most[table] > 0, "something was in {table}: {most:?}");
    }
    let renewals = i64::try_from(app.renewals()).unwrap();
    assert!(renewals > DAYS, "the session that stays was renewed");
    app.advance(40 * 24 * HOUR);
    an_hour_has_passed(&app).await;
    expected.insert("users".to_owned(), PEOPLE);
    assert_eq!(app.rows_of_tables(), expected, "in the end nothing is left");
}
