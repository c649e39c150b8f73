//! Events that cannot be read or applied, and cursors that WorkOS does not know.

use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use chrono::{DateTime, TimeDelta};
use diesel::prelude::*;
use serde_json::json;
use vestibule::db::schema::workos_event_cursor;

use super::unverified_user;
use super::{ADA, EVENTS, OLIVE, applied, change_role, cursor, last_id, poll, queries, replica};
use crate::support::app::TestApp;
use crate::support::log;
use vestibule::event_poller::PolledEvents;

/// A trigger that refuses every change of this column of `table`.
fn refuse_changes(app: &TestApp, table: &str, column: &str, value: &str) {
    let statements = if app.is_postgres() {
        vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION ''not now''; END'"
                .to_owned(),
            format!(
                "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
                 WHEN (NEW.{column} LIKE '{value}') EXECUTE FUNCTION refuse()"
            ),
        ]
    } else {
        vec![format!(
            "CREATE TRIGGER refuse BEFORE UPDATE ON {table} WHEN NEW.{column} LIKE '{value}'
             BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )]
    };
    for statement in statements {
        app.change(|conn| diesel::sql_query(statement).execute(conn));
    }
}

/// A trigger because of which a change of a name violates a constraint.
fn reject_changes(app: &TestApp) {
    let statements: &[&str] = if app.is_postgres() {
        &[
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.email := NULL; RETURN NEW; END'",
            "CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW
             WHEN (NEW.last_name LIKE 'At %') EXECUTE FUNCTION refuse()",
        ]
    } else {
        &[
            "CREATE TRIGGER refuse BEFORE UPDATE ON users WHEN NEW.last_name LIKE 'At %'
           BEGIN UPDATE users SET email = NULL WHERE id = NEW.id; END",
        ]
    };
    for statement in statements {
        app.change(|conn| diesel::sql_query(*statement).execute(conn));
    }
}

fn skipped(skipped: usize, applied: usize) -> PolledEvents {
    PolledEvents {
        skipped,
        applied,
        known: 0,
    }
}

/// Renames Ada at WorkOS to a name that the database refuses, and then ends her session.
fn rename_and_revoke(app: &TestApp) {
    let workos = app.workos();
    let id = app.user(ADA).workos_user_id.unwrap();
    let broken = crate::webhooks::user(app, &id, ADA, 1);
    workos.send_event("user.updated", &broken);
    assert!(workos.revoke_session(&workos.sessions_of(&id)[0]));
}

#[tokio::test]
async fn a_broken_event_is_skipped() {
    log::capture();
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    let workos = app.workos();
    let broken = workos.send_event("user.deleted", &json!({}));
    workos.send_event("user.updated", &json!({ "id": 7 }));
    let id = app.user(ADA).workos_user_id.unwrap();
    assert!(workos.revoke_session(&workos.sessions_of(&id)[0]));
    assert_eq!(poll(&replica).await, skipped(2, 1));
    assert!(app.only_session().revoked_at.is_some());
    let line = format!("WARN skipped event {broken:?} of type \"user.deleted\" of WorkOS");
    assert!(log::has_line_with(&line, "missing field `id`"));
    assert_eq!(poll(&replica).await, applied(0));
}

#[tokio::test]
async fn an_event_without_an_id_is_skipped() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    let row = app.only_session();
    let good = json!({
        "id": "event_good",
        "event": "session.revoked",
        "data": { "id": row.workos_sid },
    });
    let bad = json!({ "event": "session.revoked", "data": {} });
    let pages = [
        // A page without any id has the cursor of the next page.
        (json!([bad, bad]), json!({ "after": "event_next" })),
        (json!([bad, good, bad]), json!({})),
    ];
    for (data, metadata) in pages {
        let page = json!({ "object": "list", "data": data, "list_metadata": metadata });
        let fault = Fault::once(EVENTS, Effect::status(200, page));
        app.workos().inject(fault);
    }
    assert_eq!(poll(&replica).await, skipped(4, 1));
    assert!(queries(&app)[0].ends_with("&after=event_next"));
    assert_eq!(cursor(&app).as_deref(), Some("event_good"));
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn an_event_that_the_database_refuses_delays_no_others_and_is_skipped_in_the_end() {
    log::capture();
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    let before = cursor(&app);
    refuse_changes(&app, "users", "last_name", "At %");
    rename_and_revoke(&app);
    let fails = async || {
        for minutes in 1..=10 {
            let polled = replica.event_poller.poll_if_due().await;
            assert!(polled.is_err(), "{minutes}: {polled:?}");
            assert!(app.only_session().revoked_at.is_some());
            assert_eq!(cursor(&app), before);
            app.advance(60);
        }
    };
    // What may succeed later is tried without end.
    fails().await;
    fails().await;
    app.drop_trigger("refuse", "users");
    reject_changes(&app);
    fails().await;
    let given_up = PolledEvents {
        applied: 0,
        known: 1,
        skipped: 1,
    };
    assert_eq!(poll(&replica).await, given_up);
    assert_eq!(cursor(&app), Some(last_id(&app)));
    let line = "which was tried again and again";
    assert!(log::has_line_with("ERROR skipped event", line));
}

#[tokio::test]
async fn an_event_is_applied_when_the_database_accepts_it_again() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    refuse_changes(&app, "users", "last_name", "At %");
    rename_and_revoke(&app);
    for _ in 0..2 {
        assert!(replica.event_poller.poll_if_due().await.is_err());
    }
    app.drop_trigger("refuse", "users");
    let rest = PolledEvents {
        applied: 1,
        known: 1,
        skipped: 0,
    };
    assert_eq!(poll(&replica).await, rest);
    assert_eq!(app.user(ADA).last_name, "At 1");
    assert_eq!(cursor(&app), Some(last_id(&app)));
}

/// Each of many failures may take seconds.
#[tokio::test]
async fn a_poll_ends_after_some_events_that_the_database_refuses() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    refuse_changes(&app, "users", "last_name", "At %");
    let id = app.user(ADA).workos_user_id.unwrap();
    let broken = crate::webhooks::user(&app, &id, ADA, 1);
    let interval = Duration::ZERO;
    app.workos()
        .insert_events("user.updated", 120, interval, |_| broken.clone());
    app.workos().clear_requests();
    assert!(replica.event_poller.poll_if_due().await.is_err());
    assert_eq!(queries(&app).len(), 1, "the second page is not read");
    app.drop_trigger("refuse", "users");
    assert_eq!(poll(&replica).await, applied(120));
}

/// PostgreSQL stores no NUL.
#[tokio::test]
async fn a_nul_in_an_event_stops_nothing() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    let workos = app.workos();
    let id = app.user(ADA).workos_user_id.unwrap();
    for (seconds, field) in [(1, "first_name"), (2, "profile_picture_url"), (3, "email")] {
        let mut broken = crate::webhooks::user(&app, &id, ADA, seconds);
        broken[field] = json!("a\0b@example.com");
        workos.send_event("user.updated", &broken);
    }
    assert_eq!(poll(&replica).await, applied(3));
    assert_eq!(app.user(ADA).last_name, "At 2");
    workos.send_event("user.deleted", &json!({ "id": "user_\0" }));
    workos.send_event("session.revoked", &json!({ "id": "session_\0" }));
    assert!(workos.revoke_session(&workos.sessions_of(&id)[0]));
    let polled = replica.event_poller.poll_if_due().await;
    assert!(app.only_session().revoked_at.is_some(), "{polled:?}");
}

/// As after the end of the process between the events and the cursor.
#[tokio::test]
async fn events_whose_cursor_was_not_written_are_applied_once() {
    let app = TestApp::start();
    app.signed_in(OLIVE).await;
    let first = replica(&app);
    change_role(&app, "admin");
    poll(&first).await;
    refuse_changes(&app, "workos_event_cursor", "event_id", "event_%");
    let before = cursor(&app);
    for role in ["member", "admin"] {
        change_role(&app, role);
    }
    assert!(first.event_poller.poll_if_due().await.is_err());
    assert_eq!(cursor(&app), before);
    assert_eq!(app.only_session().generation, 2);
    app.drop_trigger("refuse", "workos_event_cursor");
    let known = PolledEvents {
        known: 2,
        ..PolledEvents::default()
    };
    assert_eq!(poll(&replica(&app)).await, known);
    assert_eq!(app.only_session().generation, 2);
    assert_eq!(cursor(&app), Some(last_id(&app)));
}

/// Replaces the id in the cursor by one that WorkOS refuses.
fn break_cursor(app: &TestApp) {
    app.change(|conn| {
        diesel::update(workos_event_cursor::table)
            .set(workos_event_cursor::event_id.eq("unknown_event"))
            .execute(conn)
    });
}

#[tokio::test]
async fn events_are_read_by_time_if_workos_does_not_know_the_cursor() {
    log::capture();
    let app = TestApp::start();
    let workos = app.workos();
    workos.insert_events("user.updated", 3, Duration::from_secs(1), unverified_user);
    let replica = replica(&app);
    poll(&replica).await;
    app.advance(60);
    workos.send_event("user.updated", &unverified_user(3));
    assert_eq!(poll(&replica).await, applied(1));
    workos.send_event("user.updated", &unverified_user(4));
    break_cursor(&app);
    let both = PolledEvents {
        applied: 1,
        known: 1,
        skipped: 0,
    };
    assert_eq!(poll(&replica).await, both);
    assert!(log::has_line_with(
        "WARN WorkOS does not accept event \"unknown_event\"",
        "reading by time"
    ));
    assert_eq!(cursor(&app), Some(last_id(&app)));
    assert!(queries(&app)[1].contains("&after=unknown_event"));
    assert!(queries(&app)[0].contains("&range_start="));
}

#[tokio::test]
async fn after_more_than_thirty_days_events_are_read_from_the_oldest_one() {
    let app = TestApp::start();
    let workos = app.workos();
    workos.send_event("user.updated", &unverified_user(0));
    let replica = replica(&app);
    poll(&replica).await;
    app.advance(40 * 86_400);
    break_cursor(&app);
    assert_eq!(poll(&replica).await, applied(0));
    assert_eq!(cursor(&app), None, "WorkOS has no events");
    let query = &queries(&app)[0];
    let (_, start) = query.split_once("&range_start=").expect("a time");
    let start = start.replace("%3A", ":");
    let start = DateTime::parse_from_rfc3339(&start).expect("a time");
    let age = app.now().utc() - start.to_utc();
    assert!(
        age > TimeDelta::days(29) && age < TimeDelta::days(30),
        "{age}"
    );
    workos.insert_events(
        "user.updated",
        2,
        Duration::from_secs(86_400),
        unverified_user,
    );
    assert_eq!(poll(&replica).await, applied(2));
    assert_eq!(cursor(&app), Some(last_id(&app)));
}
