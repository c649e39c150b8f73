//! No table grows for longer than a month.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use reqwest::{StatusCode, Url};
use serde_json::json;
use vestibule::purge::purge_expired_at;

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::query;
use crate::webhooks::{self, send_event};

const HOUR: i64 = 3_600;
const DAYS: i64 = 45;
/// After so many days the first rows have been deleted: WorkOS's events are kept for thirty days, other
/// rows for less.
const LONGEST_RETENTION: i64 = 32;
/// The accounts: Ada, Olive, Twyla. Una never verifies her address.
const ACCOUNTS: i64 = 3;

/// A user whose browser stays signed in, and whose page rotates its refresh token.
struct ActiveUser {
    browser: Visitor,
    refresh: String,
}

impl ActiveUser {
    async fn new(app: &TestApp) -> Self {
        let browser = in_organization(app, TWYLA, ORCHARDS).await;
        let given = browser.post_json("/api/auth/session", &json!({})).await;
        let refresh = given.text("refresh_token");
        Self { browser, refresh }
    }

    async fn load_page_and_rotate(&mut self, day: i64) {
        assert!(self.browser.is_signed_in().await, "day {day}");
        let shown = json!({ "refresh": self.refresh });
        let given = self.browser.post_json("/api/token/refresh", &shown).await;
        self.refresh = given.text("refresh");
    }

    async fn switch_organization(&self, app: &TestApp, day: i64) {
        let to = if day % 2 == 0 { TANDEM } else { ORCHARDS };
        let answer = switch(app, &self.browser, to).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "day {day}");
    }
}

/// Three browsers sign in: one signs out, one is never used again, and the row of one is deleted. A
/// fourth does not complete its sign-in. WorkOS sends events of a changed and of a deleted user.
async fn add_rows_of_a_day(app: &TestApp, day: i64) {
    for signs_out in [true, false] {
        let visitor = app.signed_in("ada@example.com").await;
        visitor.post_json("/api/auth/session", &json!({})).await;
        if signs_out {
            let url = Url::parse(&location(&visitor.post("/auth/logout").await)).unwrap();
            let session = json!({ "id": query(&url, "session_id") });
            send_event(app, &format!("revoked_{day}"), "session.revoked", session).await;
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

/// Deletes what has expired by the app's clock. A server uses the database's, which does not move here.
async fn delete_expired(app: &TestApp) {
    let retention = &app.settings.retention;
    let purged = purge_expired_at(&app.database, retention, app.now());
    purged.await.unwrap();
}

#[tokio::test]
async fn no_table_grows_after_a_month_of_sessions() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", webhooks::SECRET)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        // By default the audit trail is kept for more than a year.
        .setting("AUDIT_RETENTION_DAYS", "30")
        .start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(8 * 3_600));
    let mut expected = app.rows_of_tables();
    let mut most = BTreeMap::new();
    let mut active = ActiveUser::new(&app).await;
    for day in 0..DAYS {
        if day > 0 && day % 14 == 0 {
            active = ActiveUser::new(&app).await;
        }
        add_rows_of_a_day(&app, day).await;
        for _ in 0..4 {
            app.advance(6 * HOUR - 1);
            active.load_page_and_rotate(day).await;
            delete_expired(&app).await;
        }
        active.switch_organization(&app, day).await;
        for (table, rows) in app.rows_of_tables() {
            let most = most.entry(table.clone()).or_insert(rows);
            if day < LONGEST_RETENTION {
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
        "{DAYS} days, {} renewals, at most so many rows after {LONGEST_RETENTION} days: {most:?}",
        app.renewals(),
    );
    for table in [
        "sessions",
        "refresh_tokens",
        "ended_sessions",
        "webhook_events",
    ] {
        assert!(most[table] > 0, "{table} has had rows: {most:?}");
    }
    let renewals = i64::try_from(app.renewals()).unwrap();
    assert!(renewals > DAYS, "the active user's session was renewed");
    app.advance(40 * 24 * HOUR);
    delete_expired(&app).await;
    expected.insert("users".to_owned(), ACCOUNTS);
    assert_eq!(app.rows_of_tables(), expected, "only the accounts are left");
}
