//! A server that answers and refuses writes: a demoted primary, a read-only database, a full disk.

use diesel::connection::SimpleConnection as _;
use reqwest::StatusCode;

use super::{DISCONNECT, administer, connect, migrated};
use crate::support::app::TestApp;
use crate::support::readings::becomes_true;
use crate::support::steps::assert_signs_in;

async fn readiness(app: &TestApp) -> StatusCode {
    app.visitor().get("/readyz").await.status()
}

async fn becomes_ready(app: &TestApp) -> bool {
    becomes_true(|| async { readiness(app).await == StatusCode::OK }).await
}

/// It takes up to two seconds: the probe runs once a second, and a connection is kept for a second.
#[tokio::test]
async fn an_application_recovers_by_itself_from_a_read_only_database() {
    let Some(database) = migrated() else { return };
    let url = database.url().to_owned();
    let app = TestApp::builder().database(database).start();
    let olive = app.signed_in("olive@example.com").await;
    assert_eq!(readiness(&app).await, StatusCode::OK);

    let read_only = "ALTER DATABASE {} SET default_transaction_read_only = on;";
    administer(&url, &format!("{read_only}{DISCONNECT}"));
    // Without any request that writes.
    let is_unready = async || readiness(&app).await == StatusCode::SERVICE_UNAVAILABLE;
    assert!(becomes_true(is_unready).await);
    for _ in 0..20 {
        let refused = app.visitor().sign_in("ada@example.com").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    // What only reads goes on.
    assert_eq!(olive.get("/account").await.status(), StatusCode::OK);

    // The sessions that are open stay read-only for ever, as those to a demoted primary do.
    let writable = "ALTER DATABASE {} RESET default_transaction_read_only";
    administer(&url, writable);
    assert!(becomes_ready(&app).await);
    // A connection that was opened less than a second ago may still be used.
    let signs_in =
        async || app.visitor().sign_in("ada@example.com").await.status() == StatusCode::FOUND;
    assert!(becomes_true(signs_in).await);
    for _ in 0..20 {
        assert_signs_in(&app.visitor(), "ada@example.com").await;
    }
}

#[tokio::test]
async fn an_application_with_a_full_disk_is_not_ready_until_there_is_space() {
    let Some(database) = migrated() else { return };
    let mut other = connect(database.url());
    let app = TestApp::builder().database(database).start();
    assert_eq!(readiness(&app).await, StatusCode::OK);
    // On a full disk rows can still be changed where their pages have space, and this is no sign of recovery.
    let full = "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$;";
    other.batch_execute(full).unwrap();
    let tables = ["sessions", "space_probe"];
    for table in tables {
        let trigger =
            format!("CREATE TRIGGER is_full BEFORE INSERT ON {table} EXECUTE FUNCTION fill()");
        other.batch_execute(&trigger).unwrap();
    }
    let refused = app.visitor().sign_in("ada@example.com").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(readiness(&app).await, StatusCode::SERVICE_UNAVAILABLE);
    for table in tables {
        let trigger = format!("DROP TRIGGER is_full ON {table}");
        other.batch_execute(&trigger).unwrap();
    }
    assert!(becomes_ready(&app).await);
    assert_signs_in(&app.visitor(), "ada@example.com").await;
}
