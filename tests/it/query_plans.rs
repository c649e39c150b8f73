//! How SQLite finds the rows that a server reads and changes often: by an index that leads to few rows. The
//! statements are recorded while the application runs, and SQLite is asked for the plan of each.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;
use regex::Regex;
use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::purge::purge_expired_at;
use vestibule::sessions::RevocationCache;
use vestibule::settings::RetentionSettings;

use crate::support::app::TestApp;
use crate::support::database::TestDatabase;
use crate::webhooks::{SECRET, send_event};

/// The recorded statements of each file that is recorded.
static RECORDED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

const PASSWORD: &str = "made-up long pass phrase";

thread_local! {
    /// The file of the connection that this thread opened last.
    static OPENED: RefCell<String> = RefCell::default();
}

/// Records the statements of one connection.
struct Recorder {
    path: String,
}

impl Recorder {
    /// Diesel calls this before a thread opens a connection; the application's pool does so again afterwards.
    fn boxed() -> Option<Box<dyn Instrumentation>> {
        let path = OPENED.with_borrow(String::clone);
        Some(Box::new(Self { path }))
    }
}

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                url.clone_into(&mut self.path);
                OPENED.replace(url.to_owned());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                let mut recorded = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(statements) = recorded.get_mut(&self.path) {
                    let query = query.to_string();
                    let statement = query.split(" -- binds:").next().unwrap_or_default();
                    statements.insert(statement.to_owned());
                }
            }
            _ => {}
        }
    }
}

fn recorded(path: &Path) -> BTreeSet<String> {
    let mut recorded = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
    recorded.remove(path.to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn no_frequent_statement_reads_a_whole_table() {
    if TestDatabase::is_postgres_run() {
        return;
    }
    set_default_instrumentation(Recorder::boxed).unwrap();
    let database = TestDatabase::migrated_sqlite();
    let path = database.sqlite_path().to_owned();
    let app = TestApp::builder()
        .database(database)
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .setting("SESSION_IDLE_TIMEOUT", "3600")
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    app.add_user_with_password("olive@example.com", PASSWORD);
    // What happens once at the start is not recorded.
    let started = BTreeMap::from([(path.to_str().unwrap().to_owned(), BTreeSet::new())]);
    *RECORDED.lock().unwrap() = started;

    use_everything(&app).await;
    let statements = recorded(&path);
    assert!(statements.len() > 40, "{statements:#?}");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let mut slow = Vec::new();
    for statement in &statements {
        for step in plan(&mut conn, statement) {
            if std::env::var_os("SHOW_PLANS").is_some() {
                println!("{step}\n    {statement}");
            }
            if reads_many_rows(&step) {
                slow.push(format!("{step}\n    {statement}"));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
    // The test recognises a table without an index for a condition, and the index of a weak one.
    for slow in [
        "SELECT id FROM sessions WHERE user_agent = ?",
        "SELECT id FROM sessions WHERE expires_at > ?",
    ] {
        let steps = plan(&mut conn, slow);
        assert!(steps.iter().any(|step| reads_many_rows(step)), "{steps:?}");
    }
}

/// Signs in, renews, refreshes, logs out, reads the revocation list and purges.
async fn use_everything(app: &TestApp) {
    let ada = app.signed_in("ada@example.com").await;
    for target in ["/", "/account", "/readyz"] {
        assert_eq!(ada.get(target).await.status(), StatusCode::OK, "{target}");
    }
    app.expire_workos_tokens();
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    let session = ada.post("/api/auth/session").await;
    assert_eq!(session.status(), StatusCode::OK);
    let tokens: Value = session.json().await.unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let api = app.visitor();
    let answer = api.post_refresh_token("/api/token/refresh", refresh).await;
    assert_eq!(answer.status, 200);

    let olive = app.visitor();
    let response = olive.log_in("olive@example.com", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let body = json!({ "email": "olive@example.com", "password": PASSWORD });
    let pair = api.post_json("/api/token", &body).await;
    assert_eq!(pair.status, 200);
    let answer = api.get_me_with_token(&pair.text("access")).await;
    assert_eq!(answer.status, 200);
    let refreshed = api
        .post_refresh_token("/api/token/refresh", &pair.text("refresh"))
        .await;
    assert_eq!(refreshed.status, 200);
    // A replay within and after the window, and the end of the family.
    api.post_refresh_token("/api/token/refresh", &pair.text("refresh"))
        .await;
    let last = refreshed.text("refresh");
    api.post_refresh_token("/api/token/blacklist", &last).await;
    api.post_refresh_token("/api/token/refresh", &last).await;
    app.visitor().log_in("olive@example.com", "wrong").await;

    let again = app.signed_in("ada@example.com").await;
    let all = again.submit("/account/sessions/revoke", &[("all", "1")]);
    assert!(all.await.status().is_redirection());
    let third = app.signed_in("ada@example.com").await;
    assert!(third.post("/auth/logout").await.status().is_redirection());
    olive.post("/auth/logout").await;
    let user = json!({ "object": "user", "id": "user_unknown" });
    send_event(app, "event_1", "user.deleted", user).await;

    let cache = RevocationCache::default();
    for _ in 0..2 {
        cache.refresh(&app.database, app.now()).await.unwrap();
    }
    let retention = RetentionSettings {
        leeway: TimeDelta::zero(),
        access_lifetime: TimeDelta::minutes(5),
        audit_events: TimeDelta::days(400),
    };
    // Everything has expired by then.
    let later = app.now().plus(TimeDelta::days(1_000));
    purge_expired_at(&app.database, &retention, later)
        .await
        .unwrap();
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// SQLite's plan, one line for each table. Parameters have no values, on which a plan without statistics does
/// not depend.
fn plan(conn: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let verb = statement.split_whitespace().next().unwrap_or_default();
    if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb) {
        return Vec::new();
    }
    if statement.contains("(1=0)") {
        // Diesel's condition for an empty list, for which SQLite reads nothing.
        return Vec::new();
    }
    // A list may be long, which makes an index of another column seem better.
    let list = Regex::new(r"IN \(\?(, \?)*\)").unwrap();
    let long = format!("IN ({}?)", "?, ".repeat(500));
    let statement = list.replace_all(statement, long);
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
        .load(conn)
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    steps.into_iter().map(|step| step.detail).collect()
}

/// Whether a step of a plan reads rows in proportion to the size of a table that grows.
fn reads_many_rows(step: &str) -> bool {
    // Tables that stay small. What waits for WorkOS is deleted when WorkOS has answered.
    const SMALL: [&str; 7] = [
        "jobs",
        "workos_event_cursor",
        "database_epoch",
        "workos_revocations",
        "__diesel_schema_migrations",
        "sqlite_master",
        "CONSTANT",
    ];
    // Conditions that most rows satisfy: unexpired, not revoked, active.
    const WEAK: [&str; 4] = [
        "(expires_at>?)",
        "(revoked_at=?)",
        "(generation_changed_at=?)",
        "(is_active=?)",
    ];
    match step.strip_prefix("SCAN ") {
        Some(rest) => {
            let table = rest.split_whitespace().next().unwrap_or_default();
            !SMALL.contains(&table) && !table.starts_with('(') && !table.starts_with("pragma")
        }
        None => step.starts_with("SEARCH ") && WEAK.iter().any(|weak| step.ends_with(weak)),
    }
}
