//! Connections that the server has ended.

use diesel::prelude::*;
use futures_util::future::{join_all, try_join_all};
use reqwest::StatusCode;
use vestibule::db::DbError;
use vestibule::tokens::TokenGrant;

use super::{DISCONNECT, administer, migrated};
use crate::support::app::TestApp;

const CONNECTIONS: usize = 4;

/// All connections of the pool are in use at once, and then end, as in a restart of PostgreSQL.
#[tokio::test]
async fn no_request_fails_because_the_pool_has_connections_that_ended() {
    let Some(database) = migrated() else { return };
    let url = database.url().to_owned();
    let app = TestApp::builder()
        .database(database)
        .setting("DATABASE_POOL_SIZE", &CONNECTIONS.to_string())
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let ada = app.add_user("ada@example.com", true);
    for round in 0..3 {
        let use_all = (0..CONNECTIONS).map(|_| {
            app.database.write(|conn| {
                let done = diesel::sql_query("SELECT pg_sleep(0.05)").execute(conn);
                done.map_err(DbError::from)
            })
        });
        try_join_all(use_all).await.unwrap();
        let pairs: Vec<_> = (0..2 * CONNECTIONS)
            .map(|_| app.issue_tokens(&ada, TokenGrant::default()))
            .collect();
        administer(&url, DISCONNECT);
        let visitor = app.visitor();
        let refreshes = pairs.iter().map(async |pair| {
            let answer = visitor.post_refresh_token("/api/token/refresh", &pair.refresh);
            answer.await.status
        });
        let sign_ins = (0..CONNECTIONS)
            .map(async |_| app.visitor().sign_in("olive@example.com").await.status());
        let (refreshed, signed_in) = tokio::join!(join_all(refreshes), join_all(sign_ins));
        assert_eq!(
            refreshed,
            [StatusCode::OK; 2 * CONNECTIONS],
            "round {round}"
        );
        assert_eq!(signed_in, [StatusCode::FOUND; CONNECTIONS], "round {round}");
        let ready = app.visitor().get("/readyz").await;
        assert_eq!(ready.status(), StatusCode::OK, "round {round}");
    }
}
