//! A server whose processes hang while its machine goes on acknowledging what it gets: the connections are alive, and no
//! limit of the server ends a query.

use std::time::Duration;

use diesel::prelude::*;
use futures_util::future::try_join_all;
use reqwest::StatusCode;
use vestibule::db::DbError;
use vestibule::sessions::SessionRow;

use super::migrated;
use crate::support::app::TestApp;
use crate::support::readings::becomes_true;

const ADA: &str = "ada@example.com";
const CONNECTIONS: usize = 3;

#[tokio::test]
async fn connections_that_get_no_answer_are_replaced() {
    let Some(database) = migrated() else { return };
    let Some((forwarder, url)) = database.behind_forwarder() else {
        return;
    };
    let app = TestApp::builder()
        .database(database)
        .setting("DATABASE_URL", &url)
        .setting("DATABASE_POOL_SIZE", &CONNECTIONS.to_string())
        .query_timeout(Duration::from_millis(500))
        .start();
    // It ends first: the app waits for its queries.
    let forwarder = forwarder;
    let is_ready = async || app.visitor().get("/readyz").await.status() == StatusCode::OK;
    let signs_in = async || app.visitor().sign_in(ADA).await.status() == StatusCode::FOUND;
    // The connections of the first round end before the second one, so that as many may be left again.
    for round in 0..2 {
        assert!(becomes_true(is_ready).await);
        let ada = app.signed_in(ADA).await;
        let use_all = (0..CONNECTIONS).map(|_| {
            app.database.write(|conn| {
                let done = diesel::sql_query("SELECT pg_sleep(0.05)").execute(conn);
                done.map_err(DbError::from)
            })
        });
        try_join_all(use_all).await.unwrap();
        forwarder.freeze();
        assert!(!signs_in().await, "round {round}");
        assert!(becomes_true(signs_in).await, "round {round}");
        assert!(becomes_true(is_ready).await, "round {round}");
        assert!(ada.is_signed_in().await);
        let cookies = ada.cookies("/");
        let now = app.now();
        for session in app.sessions() {
            app.change(|conn| SessionRow::revoke(conn, &session.id, now));
        }
        // The connection for the list of revoked sessions is another one too.
        let is_noticed = async || {
            let page = app.visitor().get_with_cookies("/account", &cookies).await;
            page.status() != StatusCode::OK
        };
        assert!(becomes_true(is_noticed).await, "round {round}");
        forwarder.cut();
        forwarder.restore();
    }
}
