//! Several replicas, and replicas that end while they poll.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use vestibule::db::schema::webhook_events;
use vestibule::event_poller::PolledEvents;

use super::{ADA, EVENTS, OLIVE, applied, change_role, cursor, due_at, end_claim, last_id, poll};
use super::{queries, replica, unverified_user};
use crate::support::app::TestApp;
use crate::support::readings::happens_soon;
use crate::support::renewal::eventually;

const EVENTS_OF_A_BACKLOG: usize = 1_000;

/// The number of events that were applied.
fn recorded(app: &TestApp) -> usize {
    let all = webhook_events::table.count();
    let count: i64 = app.rows(|conn| all.get_result(conn));
    count.try_into().unwrap()
}

#[tokio::test]
async fn a_replica_takes_over_from_one_that_hangs() {
    let app = TestApp::start();
    app.signed_in(OLIVE).await;
    let [first, second] = [replica(&app), replica(&app)];
    poll(&first).await;
    change_role(&app, "member");
    let gate = app.workos().inject_gate(EVENTS);
    let hanging = tokio::spawn(async move { poll(&first).await });
    gate.reached().await.unwrap();
    let claimed = second.event_poller.poll_if_due().await.unwrap();
    assert_eq!(claimed, None, "the first replica holds the claim");

    end_claim(&app);
    change_role(&app, "admin");
    assert_eq!(poll(&second).await, applied(2));
    let (at, due) = (cursor(&app), due_at(&app));
    gate.open();
    let known = PolledEvents {
        known: 1,
        ..PolledEvents::default()
    };
    assert_eq!(hanging.await.unwrap(), known);
    assert_eq!((cursor(&app), due_at(&app)), (at, due));
    assert_eq!(cursor(&app), Some(last_id(&app)));
    assert_eq!(app.only_session().generation, 2);
}

/// `script/chaos events` does the same with real processes and more events.
#[tokio::test]
async fn each_event_is_applied_once_over_three_restarts() {
    let app = TestApp::start();
    poll(&replica(&app)).await;
    let interval = Duration::from_secs(60);
    let workos = app.workos();
    workos.insert_events(
        "user.updated",
        EVENTS_OF_A_BACKLOG,
        interval,
        unverified_user,
    );
    workos.clear_requests();
    for restart in 1..=3 {
        let replica = replica(&app);
        let polling = tokio::spawn(async move { poll(&replica).await });
        let enough = restart * EVENTS_OF_A_BACKLOG / 5;
        eventually(|| recorded(&app) > enough).await;
        polling.abort();
        assert!(polling.await.unwrap_err().is_cancelled(), "{restart}");
        end_claim(&app);
    }
    poll(&replica(&app)).await;
    assert_eq!(recorded(&app), EVENTS_OF_A_BACKLOG);
    assert_eq!(cursor(&app), Some(last_id(&app)));
    let pages = EVENTS_OF_A_BACKLOG / 100;
    let asked = queries(&app).len();
    assert!(
        asked <= pages + 4,
        "each restart reads one page again: {asked}"
    );
}

#[tokio::test]
async fn all_replicas_together_poll_once_in_each_interval() {
    let app = TestApp::builder()
        .setting("WORKOS_EVENTS_POLL", "1")
        .start();
    let others = [(); 2].map(|()| app.replica().setting("WORKOS_EVENTS_POLL", "1").start());
    let ada = app.signed_in(ADA).await;
    eventually(|| queries(&app).len() > 1).await;
    let (began, asked) = (Instant::now(), queries(&app).len());
    let id = app.user(ADA).workos_user_id.unwrap();
    let sids = app.workos().sessions_of(&id);
    assert!(app.workos().revoke_session(&sids[0]));
    let cookies = ada.cookies("/");
    for app in others.iter().chain([&app]) {
        let is_over = async || {
            let answer = app.visitor().get_with_cookies("/account", &cookies).await;
            answer.status() != 200
        };
        assert!(happens_soon(app, is_over).await);
    }
    eventually(|| queries(&app).len() >= asked + 2).await;
    let most = began.elapsed().as_secs_f64() + 2.0;
    let polls = (queries(&app).len() - asked) as f64;
    assert!(polls <= most, "{polls} polls in {most} s");
}
