//! A replica's revocation cache: what one reading returns, and how requests are answered without readings.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use vestibule::accounts;
use vestibule::sessions::{RevocationCache, RevocationStatus, SessionRow};

use crate::support::app::{TestApp, Visitor};
use crate::support::steps::{retry_after, set_cookie};

const ADA: &str = "ada@example.com";

/// Ways to end a session without the replica.
const ENDINGS: [fn(&TestApp, &SessionRow); 6] = [
    |app, row| {
        let now = app.now();
        app.change(|conn| SessionRow::revoke(conn, &row.id, now).map(drop));
    },
    |app, row| {
        let now = app.now();
        app.change(|conn| accounts::deactivate(conn, row.user_id, now).map(drop));
    },
    |app, row| {
        let now = app.now();
        app.change(|conn| accounts::set_password(conn, row.user_id, "!", now, None).map(drop));
    },
    |app, row| app.set_active(row.user_id, false),
    |app, row| app.run_sql(&format!("DELETE FROM sessions WHERE id = '{}'", row.id)),
    |app, row| app.run_sql(&format!("DELETE FROM users WHERE id = {}", row.user_id)),
];

#[tokio::test]
async fn one_reading_returns_sessions_ended_by_another_replica_or_an_operator() {
    assert!(RevocationCache::REFRESH_INTERVAL <= Duration::from_secs(1));
    for (number, end) in ENDINGS.iter().enumerate() {
        let app = TestApp::start();
        app.signed_in(ADA).await;
        let row = app.only_session();
        let replica = RevocationCache::default();
        replica.refresh(&app.database, app.now()).await.unwrap();
        assert_eq!(
            replica.status(&row.id),
            RevocationStatus::NotRevoked,
            "{number}"
        );
        end(&app, &row);
        replica.refresh(&app.database, app.now()).await.unwrap();
        assert_eq!(
            replica.status(&row.id),
            RevocationStatus::Revoked,
            "{number}"
        );
    }
}

async fn ask(app: &TestApp, method: Method, path: &str, cookies: &str) -> Response {
    let visitor = Visitor::new(&app.url);
    let request = visitor.request(method, path).header("Cookie", cookies);
    request.send().await.unwrap()
}

/// Ada's cookies, and a replica whose last reading has this age and that cannot read again.
async fn hide_tables_from_replica(age: Duration) -> (TestApp, TestApp, String) {
    let app = TestApp::start();
    let cookies = app.signed_in(ADA).await.cookies("/");
    let replica = app.replica().revocation_reads_aged_by(age).start();
    // The replica reads once before it answers requests.
    assert_eq!(replica.visitor().get("/healthz").await.status(), 200);
    app.hide_session_tables();
    (app, replica, cookies)
}

#[tokio::test]
async fn after_a_minute_without_a_reading_a_replica_accepts_no_session() {
    let (app, replica, cookies) = hide_tables_from_replica(Duration::from_secs(60)).await;
    let asked = [
        (Method::GET, "/"),
        (Method::GET, "/account"),
        (Method::GET, "/api/users/me"),
        (Method::POST, "/api/auth/session"),
        (Method::GET, "/auth/logout"),
        (Method::POST, "/auth/logout"),
    ];
    for (method, path) in asked {
        let answer = ask(&replica, method, path, &cookies).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(retry_after(answer.headers()), Some(5), "{path}");
        assert_eq!(set_cookie(&answer, "sessionid"), None, "{path}");
        let told = answer.text().await.unwrap();
        assert!(
            told.contains("we cannot check whether you are signed in"),
            "{path}: {told}"
        );
        assert!(!told.contains("Log out"), "{path}: {told}");
    }
    let stranger = replica.visitor().get("/").await;
    assert_eq!(stranger.status(), StatusCode::OK, "no session is involved");
    // The session itself was not lost.
    let page = ask(&app, Method::GET, "/", &cookies).await;
    assert!(page.text().await.unwrap().contains("Welcome, "));
}

#[tokio::test]
async fn for_less_than_a_minute_without_a_reading_sessions_are_accepted() {
    let (_app, replica, cookies) = hide_tables_from_replica(Duration::from_secs(30)).await;
    for path in ["/", "/account"] {
        let answer = ask(&replica, Method::GET, path, &cookies).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.text().await.unwrap().contains(ADA), "{path}");
    }
}

#[tokio::test]
async fn requests_of_a_signed_in_browser_do_not_read_the_row() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    app.hide_session_tables();
    for request in 0..100 {
        assert!(ada.is_signed_in().await, "request {request}");
    }
}
