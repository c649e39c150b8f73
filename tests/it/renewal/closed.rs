//! Changes that are made with SQL alone take effect on every replica within seconds.

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::db::Conn;
use vestibule::db::schema::{ended_sessions, sessions};

use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::readings::happens_soon;

async fn is_accepted(app: &TestApp, cookies: &str) -> bool {
    let visitor = Visitor::new(&app.url);
    // The home page makes no query, but `/account` reads the account and would notice the change.
    let response = visitor.get_with_cookies("/", cookies).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap().contains("Welcome, ")
}

async fn wait_until_refused(app: &TestApp, cookies: &str) {
    let refused = happens_soon(app, async || !is_accepted(app, cookies).await);
    assert!(refused.await, "the cookie is still accepted");
}

/// Asserts that two replicas accept Ada's cookie before this statement and refuse it afterwards.
async fn assert_statement_ends_session(
    statement: impl FnOnce(&mut Conn) -> QueryResult<usize>,
) -> (TestApp, String, String) {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await.cookies("/");
    let olive = app.signed_in("olive@example.com").await.cookies("/");
    assert!(is_accepted(&app, &ada).await && is_accepted(&replica, &ada).await);
    app.change(statement);
    wait_until_refused(&app, &ada).await;
    wait_until_refused(&replica, &ada).await;
    assert!(is_accepted(&app, &olive).await && is_accepted(&replica, &olive).await);
    assert_eq!(app.renewals(), 0, "WorkOS was not asked");
    (app, ada, olive)
}

#[tokio::test]
async fn deactivating_an_account_with_sql_ends_its_sessions() {
    let (app, ada, _) = assert_statement_ends_session(|conn| {
        diesel::sql_query("UPDATE users SET is_active = FALSE WHERE email = 'ada@example.com'")
            .execute(conn)
    })
    .await;
    app.change(|conn| {
        diesel::sql_query("UPDATE users SET is_active = TRUE WHERE email = 'ada@example.com'")
            .execute(conn)
    });
    assert!(
        !is_accepted(&app, &ada).await,
        "activating the account restores no session"
    );
    let later = app.replica().start();
    assert!(!is_accepted(&later, &ada).await, "nor does a restart");
}

#[tokio::test]
async fn deleting_an_account_with_sql_ends_its_sessions() {
    assert_statement_ends_session(|conn| {
        diesel::sql_query("DELETE FROM users WHERE email = 'ada@example.com'").execute(conn)
    })
    .await;
}

#[tokio::test]
async fn deleting_a_session_with_sql_ends_it() {
    assert_statement_ends_session(|conn| {
        diesel::sql_query(
            "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = 'ada@example.com')",
        )
        .execute(conn)
    })
    .await;
}

/// A browser's session and the tokens that depend on it.
struct SessionWithTokens {
    browser: Visitor,
    access: String,
    refresh: String,
}

impl SessionWithTokens {
    async fn open(browser: Visitor) -> Self {
        let given = browser.post_json("/api/auth/session", &json!({})).await;
        Self {
            browser,
            access: given.text("access_token"),
            refresh: given.text("refresh_token"),
        }
    }

    /// Ada's session through WorkOS, and Grace's with a local password.
    async fn open_both_kinds(app: &TestApp) -> [Self; 2] {
        app.add_password_user("grace@example.com");
        let grace = app.visitor();
        let answer = grace.log_in("grace@example.com", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        let ada = app.signed_in("ada@example.com").await;
        [Self::open(ada).await, Self::open(grace).await]
    }

    /// The statuses of requests with the access token and the refresh token, without the cookie.
    async fn statuses(&self, app: &TestApp) -> (u16, u16) {
        let page = app.visitor();
        let me = page.get_me_with_token(&self.access).await.status.as_u16();
        let refreshed = page.post_refresh_token("/api/token/refresh", &self.refresh);
        (me, refreshed.await.status.as_u16())
    }
}

/// The number of rows of this table that were revoked at the current time of the system's clock.
fn count_revoked_now(app: &TestApp, table: &str) -> i64 {
    let (from, to) = (app.now(), app.now().plus(chrono::TimeDelta::minutes(10)));
    let text = |at: vestibule::clock::Timestamp| at.utc().format("%F %T").to_string();
    let from = format!(
        "FROM {table} WHERE CAST(revoked_at AS TEXT) LIKE '____-__-__ __:__:__.%' \
         AND CAST(revoked_at AS TEXT) BETWEEN '{}' AND '{}'",
        text(from.plus(chrono::TimeDelta::seconds(-1))),
        text(to)
    );
    app.count_rows(&from)
}

#[tokio::test]
async fn activating_an_account_restores_no_session_and_no_token() {
    let app = TestApp::start();
    let sessions = SessionWithTokens::open_both_kinds(&app).await;
    let others = SessionWithTokens::open(app.signed_in("olive@example.com").await).await;
    let before = app.user("ada@example.com").token_version;
    for active in ["FALSE", "TRUE"] {
        let statement =
            format!("UPDATE users SET is_active = {active} WHERE email <> 'olive@example.com'");
        app.run_sql(&statement);
        for session in &sessions {
            assert_eq!(session.statuses(&app).await, (401, 401), "{active}");
        }
    }
    assert_eq!(count_revoked_now(&app, "sessions"), 2);
    let ended = |email| {
        let user = app.user(email).id;
        let mut rows = app.sessions().into_iter();
        let row = rows.find(|row| row.user_id == user).expect("the row");
        row.revoked_at.is_some() && row.workos_refresh_token.is_none()
    };
    assert!(ended("ada@example.com") && ended("grace@example.com"));
    assert!(!ended("olive@example.com"));
    assert_eq!(app.user("ada@example.com").token_version, before + 1);
    assert_eq!(others.statuses(&app).await, (200, 200));

    // The triggers wrote the database's time, and the clock of the app stands still.
    app.advance(61);
    let again = SessionWithTokens::open(app.signed_in("ada@example.com").await).await;
    assert_eq!(again.statuses(&app).await, (200, 200));
    let page = again.browser.page("/account").await;
    assert_eq!(page.matches(r#"name="session_id""#).count(), 1, "{page}");
}

#[tokio::test]
async fn deleting_a_session_revokes_its_token_families() {
    let app = TestApp::start();
    let sessions = SessionWithTokens::open_both_kinds(&app).await;
    let others = SessionWithTokens::open(app.signed_in("olive@example.com").await).await;
    let olive = app.user("olive@example.com").id;
    app.run_sql(&format!("DELETE FROM sessions WHERE user_id <> {olive}"));
    for session in &sessions {
        assert_eq!(session.statuses(&app).await.1, 401);
        wait_until_refused(&app, &session.browser.cookies("/")).await;
    }
    assert_eq!(count_revoked_now(&app, "refresh_tokens"), 2);
    assert_eq!(others.statuses(&app).await, (200, 200));
}

#[tokio::test]
async fn deleting_an_ended_session_revokes_no_tokens() {
    let app = TestApp::start();
    let ada = SessionWithTokens::open(app.signed_in("ada@example.com").await).await;
    // As after a new sign-in with the same WorkOS session.
    app.change(|conn| {
        diesel::sql_query("INSERT INTO sessions (id, user_id, workos_sid, created_at, expires_at, revoked_at) SELECT 'replaced', user_id, workos_sid, created_at, expires_at, created_at FROM sessions")
            .execute(conn)
    });
    app.change(|conn| diesel::delete(sessions::table.find("replaced")).execute(conn));
    assert_eq!(ada.statuses(&app).await, (200, 200));
}

#[tokio::test]
async fn other_changes_to_an_account_keep_its_sessions() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await.cookies("/");
    app.change(|conn| {
        diesel::sql_query("UPDATE users SET is_active = TRUE, is_staff = TRUE").execute(conn)
    });
    let noticed: i64 = app.rows(|conn| ended_sessions::table.count().get_result(conn));
    assert_eq!(noticed, 0);
    assert!(is_accepted(&app, &ada).await);
}

#[tokio::test]
async fn a_renewal_checks_the_row_and_the_account_first() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    // As if no trigger had run and no replica had read the tombstones.
    app.drop_trigger("users_closed", "users");
    app.set_active(app.user("ada@example.com").id, false);
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.renewals(), 0);
    assert!(app.only_session().revoked_at.is_some());

    let olive = app.signed_in("olive@example.com").await;
    app.expire_workos_tokens();
    app.change(|conn| diesel::delete(sessions::table).execute(conn));
    assert!(!olive.is_signed_in().await);
    assert_eq!(app.renewals(), 0);
}

#[tokio::test]
async fn a_cookie_replayed_after_the_log_out_is_refused_on_both_replicas() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    assert!(ada.is_signed_in().await);
    let copy = ada.cookies("/");
    assert!(is_accepted(&app, &copy).await && is_accepted(&replica, &copy).await);
    ada.post("/auth/logout").await;
    assert!(
        !is_accepted(&app, &copy).await,
        "this replica refuses it immediately"
    );
    wait_until_refused(&replica, &copy).await;
    app.expire_workos_tokens();
    assert!(!is_accepted(&app, &copy).await && !is_accepted(&replica, &copy).await);
    assert_eq!(app.renewals(), 1, "the session is not renewed again");
}
