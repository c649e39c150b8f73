//! How long events are kept.

use chrono::TimeDelta;
use vestibule::audit::{AuditEvent, ChangedBy};
use vestibule::purge::purge_expired_at;
use vestibule::workos::ClientDevice;

use super::names;
use crate::support::app::TestApp;

/// Records two events: one that is as old as this many days, and one a second older.
async fn kept_after(app: &TestApp, days: i64) -> usize {
    let user_id = app.add_user("ada@example.com", true).id;
    let by = ChangedBy::Command;
    let event = AuditEvent::AccountOpened { user_id, by };
    let limit = app.now().plus(-TimeDelta::days(days));
    for at in [limit, limit.plus(-TimeDelta::seconds(1))] {
        app.change(|conn| event.record(conn, &ClientDevice::default(), at));
    }
    let purged = purge_expired_at(&app.database, &app.settings.retention, app.now());
    purged.await.unwrap();
    names(app).len()
}

#[tokio::test]
async fn events_are_kept_for_four_hundred_days() {
    assert_eq!(kept_after(&TestApp::start(), 400).await, 1);
}

#[tokio::test]
async fn the_setting_shortens_it() {
    let builder = TestApp::builder().setting("AUDIT_RETENTION_DAYS", "30");
    assert_eq!(kept_after(&builder.start(), 30).await, 1);
}

#[tokio::test]
async fn an_event_outlives_its_user() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    for table in ["sessions", "users"] {
        app.run_sql(&format!("DELETE FROM {table}"));
    }
    assert_eq!(names(&app), ["account_created", "signed_in"]);
}
