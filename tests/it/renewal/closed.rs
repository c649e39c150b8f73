//! What is done with SQL alone counts too, and within seconds, whichever replica is asked.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use reqwest::StatusCode;
use vestibule::db::Conn;
use vestibule::db::schema::{ended_sessions, sessions};

use crate::support::app::{TestApp, Visitor};

/// Far longer than a replica takes to notice.
const HANGS: Duration = Duration::from_secs(20);

async fn is_good(app: &TestApp, cookies: &str) -> bool {
    let visitor = Visitor::new(&app.url);
    // Home asks nothing of the database; `/account` reads the account and would find out by itself.
    let response = visitor.get_with_cookies("/", cookies).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap().contains("Welcome, ")
}

async fn becomes_bad(app: &TestApp, cookies: &str) {
    let began = Instant::now();
    while is_good(app, cookies).await {
        assert!(began.elapsed() < HANGS, "it is still good");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("refused after {:?}", began.elapsed());
}

/// Whether two replicas refuse Ada's cookie after this statement, and take it right before.
async fn ends(
    statement: impl FnOnce(&mut Conn) -> QueryResult<usize>,
) -> (TestApp, String, String) {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await.cookies("/");
    let olive = app.signed_in("olive@example.com").await.cookies("/");
    assert!(is_good(&app, &ada).await && is_good(&replica, &ada).await);
    app.change(statement);
    becomes_bad(&app, &ada).await;
    becomes_bad(&replica, &ada).await;
    assert!(is_good(&app, &olive).await && is_good(&replica, &olive).await);
    assert_eq!(app.renewals(), 0, "WorkOS was not asked");
    (app, ada, olive)
}

#[tokio::test]
async fn an_account_closed_with_sql_alone() {
    let (app, ada, _) = ends(|conn| {
        diesel::sql_query("UPDATE users SET is_active = FALSE WHERE email = 'ada@example.com'")
            .execute(conn)
    })
    .await;
    app.change(|conn| {
        diesel::sql_query("UPDATE users SET is_active = TRUE WHERE email = 'ada@example.com'")
            .execute(conn)
    });
    assert!(!is_good(&app, &ada).await, "what has ended stays ended");
    let later = app.replica().start();
    assert!(!is_good(&later, &ada).await, "after a restart too");
}

#[tokio::test]
async fn an_account_deleted_with_sql_alone() {
    ends(|conn| {
        diesel::sql_query("DELETE FROM users WHERE email = 'ada@example.com'").execute(conn)
    })
    .await;
}

#[tokio::test]
async fn a_session_deleted_with_sql_alone() {
    ends(|conn| {
        diesel::sql_query(
            "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = 'ada@example.com')",
        )
        .execute(conn)
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_changed_otherwise_goes_on() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await.cookies("/");
    app.change(|conn| {
        diesel::sql_query("UPDATE users SET is_active = TRUE, is_staff = TRUE").execute(conn)
    });
    let noticed: i64 = app.rows(|conn| ended_sessions::table.count().get_result(conn));
    assert_eq!(noticed, 0);
    assert!(is_good(&app, &ada).await);
}

#[tokio::test]
async fn a_renewal_asks_the_row_and_the_account_first() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire();
    // As if no trigger had fired and no replica had read.
    app.set_active(app.user("ada@example.com").id, false);
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.renewals(), 0);
    assert!(app.only_session().revoked_at.is_some());

    let olive = app.signed_in("olive@example.com").await;
    app.expire();
    app.change(|conn| diesel::delete(sessions::table).execute(conn));
    assert!(!olive.is_signed_in().await);
    assert_eq!(app.renewals(), 0);
}

#[tokio::test]
async fn a_cookie_replayed_after_the_log_out_is_refused_on_both_replicas() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire();
    assert!(ada.is_signed_in().await);
    let copy = ada.cookies("/");
    assert!(is_good(&app, &copy).await && is_good(&replica, &copy).await);
    ada.get("/auth/logout").await;
    assert!(!is_good(&app, &copy).await, "at once");
    becomes_bad(&replica, &copy).await;
    app.expire();
    assert!(!is_good(&app, &copy).await && !is_good(&replica, &copy).await);
    assert_eq!(app.renewals(), 1, "and nobody renews it");
}
