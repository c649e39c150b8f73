//! The requests of one account whose rows are locked wait in one queue, by whatever route they come.

use std::time::{Duration, Instant};

use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::future::{LocalBoxFuture, join_all};
use serde_json::json;
use vestibule::tokens::TokenGrant;

use super::{connect, migrated};
use crate::support::app::{TestApp, Visitor};
use crate::webhooks::{self, post, signature};

const ADA: &str = "ada@example.com";
/// As many requests as there are connections, by each route.
const MANY: usize = 6;
/// For how long the connections are counted while the rows are locked.
const OBSERVATION: Duration = Duration::from_millis(900);

/// The largest number of connections that wait for a lock at a time, until the observation is over.
async fn most_waiting(conn: &mut PgConnection) -> i64 {
    let waiting = "SELECT count(*) AS count FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let began = Instant::now();
    let mut most = 0;
    while most == 0 || began.elapsed() < OBSERVATION {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits");
        let now: super::locks::Waiting = diesel::sql_query(waiting).get_result(conn).unwrap();
        most = most.max(now.count);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    most
}

/// Locks every row of the account, sends the requests, and returns how many connections they occupied at a time.
async fn occupied(url: &str, requests: Vec<LocalBoxFuture<'_, ()>>) -> i64 {
    let (mut other, mut observer) = (connect(url), connect(url));
    let locked = "BEGIN; SELECT FROM users FOR UPDATE; SELECT FROM sessions FOR UPDATE; \
                  SELECT FROM refresh_tokens FOR UPDATE";
    other.batch_execute(locked).unwrap();
    let observing = async {
        let most = most_waiting(&mut observer).await;
        other.batch_execute("ROLLBACK").unwrap();
        most
    };
    tokio::join!(join_all(requests), observing).1
}

async fn sessions_of_ada(app: &TestApp, count: usize) -> Vec<Visitor> {
    let visitors: Vec<_> = (0..count).map(|_| app.visitor()).collect();
    join_all(visitors.iter().map(|one| one.sign_in(ADA))).await;
    visitors
}

fn app() -> Option<(String, TestApp)> {
    let database = migrated()?;
    let url = database.url().to_owned();
    let app = TestApp::builder()
        .database(database)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .setting("WORKOS_WEBHOOK_SECRET", webhooks::SECRET)
        .setting("DATABASE_POOL_SIZE", &MANY.to_string())
        .start();
    Some((url, app))
}

#[tokio::test]
async fn one_account_occupies_two_connections_whatever_its_requests_name_it_by() {
    let Some((url, app)) = app() else { return };
    let sessions = sessions_of_ada(&app, 3 * MANY).await;
    let ada = app.user(ADA);
    let workos_user_id = ada.workos_user_id.clone().unwrap();
    let pairs: Vec<_> = (0..2 * MANY)
        .map(|_| app.issue_tokens(&ada, TokenGrant::default()))
        .collect();
    let (app, visitor) = (&app, &app.visitor());
    let mut requests: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
    for number in 0..MANY {
        let [first, second, third] = [0, 1, 2].map(|at| &sessions[at * MANY + number]);
        let [kept, ended] = [0, 1].map(|at| &pairs[at * MANY + number].refresh);
        let event = json!({
            "id": format!("event_{number}"),
            "event": "user.updated",
            "data": webhooks::user(app, &workos_user_id, ADA, 0),
            "created_at": "2026-11-21T19:10:09.440Z",
        });
        let event = event.to_string();
        requests.extend([
            Box::pin(async move { drop(first.post_json("/api/auth/session", &json!({})).await) })
                as LocalBoxFuture<'_, ()>,
            Box::pin(async move { drop(second.post("/auth/logout").await) }),
            Box::pin(async move {
                let everywhere = third.submit("/account/sessions/revoke", &[("all", "1")]);
                drop(everywhere.await);
            }),
            Box::pin(async move {
                let refresh = visitor.post_refresh_token("/api/token/refresh", kept);
                drop(refresh.await);
            }),
            Box::pin(async move {
                let revoke = visitor.post_refresh_token("/api/token/blacklist", ended);
                drop(revoke.await);
            }),
            Box::pin(async move {
                let signature = signature(app, webhooks::SECRET, &event);
                post(app, &event, &signature).await;
            }),
            Box::pin(async move { drop(app.visitor().sign_in(ADA).await) }),
        ]);
    }
    let occupied = occupied(&url, requests).await;
    assert!(occupied <= 2, "{occupied} connections");
}

#[tokio::test]
async fn the_renewals_of_one_account_occupy_two_connections() {
    let Some((url, app)) = app() else { return };
    let sessions = sessions_of_ada(&app, MANY).await;
    app.expire_workos_tokens();
    let requests = sessions.iter().map(|visitor| {
        Box::pin(async move { drop(visitor.get("/").await) }) as LocalBoxFuture<'_, ()>
    });
    let occupied = occupied(&url, requests.collect()).await;
    assert!(occupied <= 2, "{occupied} connections");
}
