//! Polling of WorkOS's Events API. Most tests poll themselves, so that no time has to pass.

mod broken;
mod changes;
mod failures;
mod replicas;
mod workos_emulate;

use std::time::Duration;

use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::accounts::passwords::Hasher;
use vestibule::clock::Timestamp;
use vestibule::db::schema::{jobs, workos_event_cursor};
use vestibule::event_poller::PolledEvents;
use vestibule::state::AppState;

use crate::support::app::TestApp;
use crate::support::readings::becomes_true;
use crate::webhooks::{SECRET, send_event, user};

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";
const EVENTS: &str = "/events";
const JOB: &str = "poll_workos_events";

/// What another replica would poll with. No app polls by itself, so that the job is always due.
fn replica(app: &TestApp) -> AppState {
    let state = AppState::builder(
        app.settings.clone(),
        app.database.clone(),
        app.clock.clone(),
    );
    let hasher = Hasher::with_threads(1).expect("a thread");
    state.hasher(hasher).build().expect("a state")
}

async fn poll(replica: &AppState) -> PolledEvents {
    let polled = replica.event_poller.poll_if_due().await;
    polled.expect("the events are read").expect("it is due")
}

fn applied(applied: usize) -> PolledEvents {
    PolledEvents {
        applied,
        ..PolledEvents::default()
    }
}

/// The id in the cursor.
fn cursor(app: &TestApp) -> Option<String> {
    let row = workos_event_cursor::table.select(workos_event_cursor::event_id);
    app.rows(|conn| row.first(conn))
}

/// When the job is due.
fn due_at(app: &TestApp) -> Timestamp {
    app.rows(|conn| jobs::table.find(JOB).select(jobs::due_at).first(conn))
}

/// Ends the claim of a replica, as time does.
fn end_claim(app: &TestApp) {
    app.change(|conn| {
        diesel::update(jobs::table.find(JOB))
            .set(jobs::due_at.eq(Timestamp::EPOCH))
            .execute(conn)
    });
}

/// The queries of the requests for events so far, the last one first.
fn queries(app: &TestApp) -> Vec<String> {
    let requests = app.workos().requests();
    let asked = requests.into_iter().filter(|one| one.path == EVENTS);
    asked.map(|one| one.query).rev().collect()
}

/// The last event at WorkOS.
fn last_id(app: &TestApp) -> String {
    let events = app.workos().events();
    let last = events.last().expect("an event");
    last["id"].as_str().expect("an id").to_owned()
}

/// Changes the role of Olive, which increments the generation of her sessions.
fn change_role(app: &TestApp, role: &str) {
    let orchards = app.organization("Example Orchards");
    let olive = app.user(OLIVE).workos_user_id.expect("linked");
    assert!(app.workos().set_roles(&orchards, &olive, &[role]));
}

fn unverified_user(number: usize) -> Value {
    json!({
        "object": "user",
        "id": format!("user_{number}"),
        "email": format!("user-{number}@example.com"),
        "updated_at": "2026-11-21T19:10:09.440Z",
    })
}

#[tokio::test]
async fn the_history_is_not_replayed_and_what_follows_is_applied() {
    let app = TestApp::start();
    let workos = app.workos();
    app.signed_in(ADA).await;
    app.signed_in(OLIVE).await;
    let stranger = user(&app, "user_stranger", "stranger@example.com", 0);
    workos.send_event("user.created", &stranger);
    let replica = replica(&app);
    assert_eq!(poll(&replica).await, applied(0));
    assert_eq!(app.users().len(), 2);
    assert_eq!(cursor(&app), Some(last_id(&app)));
    assert!(queries(&app)[0].ends_with("&order=desc&limit=1"));

    let after = last_id(&app);
    let [ada, olive] = [ADA, OLIVE].map(|email| app.user(email).workos_user_id.unwrap());
    let sids = workos.sessions_of(&ada);
    assert!(workos.revoke_session(&sids[0]));
    change_role(&app, "member");
    assert!(workos.delete_user(&olive));
    let newcomer = user(&app, "user_newcomer", "newcomer@example.com", 0);
    workos.send_event("user.created", &newcomer);
    // A role, the end of a membership with its user, and the others.
    assert_eq!(poll(&replica).await, applied(5));
    let query = &queries(&app)[0];
    let expected = format!("&order=asc&limit=100&after={after}");
    assert!(query.ends_with(&expected), "{query}");
    for name in ["session.revoked", "organization_membership.deleted"] {
        assert!(query.contains(&format!("events={name}&")), "{query}");
    }
    assert!(app.sessions().iter().all(|row| row.revoked_at.is_some()));
    assert!(!app.user(OLIVE).is_active);
    assert!(app.user("newcomer@example.com").is_active);
    assert_eq!(cursor(&app), Some(last_id(&app)));
    assert_eq!(poll(&replica).await, applied(0));
}

#[tokio::test]
async fn at_a_first_start_without_events_all_that_follow_are_applied() {
    let app = TestApp::start();
    let replica = replica(&app);
    assert_eq!(poll(&replica).await, applied(0));
    assert_eq!(poll(&replica).await, applied(0));
    assert_eq!(cursor(&app), None);
    // The clock of WorkOS may be behind.
    let interval = Duration::from_secs(60);
    let inserted = app
        .workos()
        .insert_events("user.updated", 3, interval, unverified_user);
    assert_eq!(poll(&replica).await, applied(3));
    assert_eq!(cursor(&app), inserted.last().cloned());
}

#[tokio::test]
async fn an_event_that_comes_both_ways_is_applied_once() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    let route = format!("{}/webhooks/workos", app.url);
    app.signed_in(OLIVE).await;
    let replica = replica(&app);
    poll(&replica).await;
    change_role(&app, "member");
    assert_eq!(poll(&replica).await, applied(1));
    assert_eq!(app.only_session().generation, 1);
    let membership = app.workos().events().last().unwrap()["data"].clone();
    let name = "organization_membership.updated";
    send_event(&app, &last_id(&app), name, membership).await;
    assert_eq!(app.only_session().generation, 1);

    app.workos().add_webhook_endpoint(&route, SECRET);
    change_role(&app, "admin");
    let is_received = || async { app.only_session().generation == 2 };
    assert!(becomes_true(is_received).await);
    let known = PolledEvents {
        known: 1,
        ..PolledEvents::default()
    };
    assert_eq!(poll(&replica).await, known);
    assert_eq!(app.only_session().generation, 2);
}

#[tokio::test]
async fn a_backlog_is_read_page_after_page() {
    let app = TestApp::start();
    let replica = replica(&app);
    poll(&replica).await;
    let interval = Duration::from_secs(60);
    app.workos()
        .insert_events("user.updated", 250, interval, unverified_user);
    app.workos().clear_requests();
    assert_eq!(poll(&replica).await, applied(250));
    assert_eq!(queries(&app).len(), 3);
}
