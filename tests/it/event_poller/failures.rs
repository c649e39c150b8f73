//! WorkOS or the database fails.

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use serde_json::json;

use super::{ADA, EVENTS, OLIVE, applied, due_at, end_claim, last_id, poll, queries, replica};
use super::{cursor, unverified_user};
use crate::support::app::TestApp;
use crate::support::log;
use crate::support::renewal::eventually;

#[tokio::test]
async fn a_retry_after_is_respected_by_all_replicas() {
    let app = TestApp::start();
    let replicas = [replica(&app), replica(&app)];
    poll(&replicas[0]).await;
    app.workos().inject(Fault::once(
        EVENTS,
        Effect::Status {
            status: 429,
            body: json!({ "message": "Rate limit exceeded" }),
            retry_after: Some("120".to_owned()),
        },
    ));
    app.workos().send_event("user.updated", &unverified_user(0));
    let refused = replicas[0].event_poller.poll_if_due().await;
    assert!(refused.is_err(), "{refused:?}");
    let asked = queries(&app).len();
    for replica in &replicas {
        let polled = replica.event_poller.poll_if_due().await.unwrap();
        assert_eq!(polled, None);
    }
    assert_eq!(queries(&app).len(), asked);
    let left = due_at(&app).utc() - vestibule::clock::Clock::system().now().utc();
    assert!(
        left > TimeDelta::seconds(60) && left <= TimeDelta::seconds(120),
        "{left}"
    );
    end_claim(&app);
    assert_eq!(poll(&replicas[1]).await, applied(1));
}

#[tokio::test]
async fn failures_cost_one_request_each_and_do_not_concern_renewals() {
    let app = TestApp::start();
    let replica = replica(&app);
    poll(&replica).await;
    app.workos().send_event("user.updated", &unverified_user(0));
    app.workos().clear_requests();
    let too_large = json!({ "data": ["x".repeat(1 << 20)] });
    let effects = [
        Effect::status(500, json!({})),
        Effect::status(503, json!({})),
        Effect::DropReply,
        Effect::HalfBody,
        Effect::status(200, json!({ "data": 7 })),
        Effect::status(403, json!({ "message": "Forbidden" })),
        Effect::status(200, too_large),
    ];
    for (number, effect) in effects.into_iter().enumerate() {
        app.workos().inject(Fault::once(EVENTS, effect));
        let polled = replica.event_poller.poll_if_due().await;
        assert!(polled.is_err(), "{number}: {polled:?}");
        assert_eq!(queries(&app).len(), number + 1);
        assert!(!replica.workos.is_failing());
    }
    // A response may have been too large.
    assert!(queries(&app)[0].contains("&limit=1"), "{:?}", queries(&app));
    assert_eq!(poll(&replica).await, applied(1));
    assert_eq!(cursor(&app), Some(last_id(&app)));
}

#[tokio::test]
async fn sessions_are_renewed_while_a_request_for_events_hangs() {
    let app = TestApp::builder()
        .setting("WORKOS_EVENTS_POLL", "1")
        .start();
    let ada = app.signed_in(ADA).await;
    let gate = app.workos().inject_gate(EVENTS);
    gate.reached().await.unwrap();
    app.expire_workos_tokens();
    assert_eq!(ada.get("/account").await.status(), 200);
    assert_eq!(app.renewals(), 1);
    assert_eq!(gate.arrived(), 1);
    gate.open();
    let asked = queries(&app).len();
    eventually(|| queries(&app).len() > asked).await;
}

#[tokio::test]
async fn events_are_applied_after_an_outage_of_the_database() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    let replica = replica(&app);
    poll(&replica).await;
    let workos = app.workos();
    let id = app.user(ADA).workos_user_id.unwrap();
    assert!(workos.revoke_session(&workos.sessions_of(&id)[0]));
    app.hide_session_tables();
    for _ in 0..3 {
        assert!(replica.event_poller.poll_if_due().await.is_err());
    }
    for table in ["users", "sessions", "ended_sessions"] {
        app.run_sql(&format!("ALTER TABLE away_{table} RENAME TO {table}"));
    }
    assert_eq!(poll(&replica).await, applied(1));
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn workos_is_not_asked_for_events_while_renewals_fail() {
    log::capture();
    let app = TestApp::builder()
        .setting("WORKOS_EVENTS_POLL", "1")
        .start();
    let mut visitors = Vec::new();
    for email in [ADA, OLIVE].repeat(4) {
        visitors.push(app.signed_in(email).await);
    }
    eventually(|| queries(&app).len() > 1).await;
    app.expire_workos_tokens();
    app.make_workos_unavailable();
    for visitor in &visitors {
        assert_eq!(visitor.get("/account").await.status(), 200);
    }
    let is_reported = || {
        log::has_line_with(
            "WARN failed to read WorkOS's events",
            "it does not answer renewals",
        )
    };
    eventually(is_reported).await;
    app.restore_workos();
    let asked = queries(&app).len();
    assert!(visitors[0].is_signed_in().await);
    eventually(|| queries(&app).len() > asked).await;
}
