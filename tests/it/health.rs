//! `/healthz` and `/readyz`.

use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::db::DbError;

use crate::support::app::TestApp;

fn run(app: &TestApp, statement: &str) {
    app.database
        .write_blocking(|conn| {
            diesel::sql_query(statement)
                .execute(conn)
                .map_err(DbError::from)
        })
        .unwrap();
}

async fn probe(app: &TestApp, target: &str) -> (u16, Value) {
    let response = app.visitor().get(target).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_running_application_is_live_and_ready() {
    let app = TestApp::start();
    for target in ["/healthz", "/healthz/", "/readyz", "/readyz/"] {
        assert_eq!(probe(&app, target).await, (200, json!({ "status": "ok" })));
    }
}

#[tokio::test]
async fn an_application_with_a_pending_migration_is_live_and_not_ready() {
    let app = TestApp::start();
    run(
        &app,
        "DELETE FROM __diesel_schema_migrations WHERE version LIKE '%000002'",
    );
    assert_eq!(probe(&app, "/healthz").await.0, 200);
    let reason = json!({ "status": "unavailable", "reason": "migrations are pending" });
    assert_eq!(probe(&app, "/readyz").await, (503, reason));
}

#[tokio::test]
async fn health_needs_no_session_and_sets_none() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for visitor in [&ada, &app.visitor()] {
        let response = visitor.get("/readyz").await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("set-cookie"));
    }
}
