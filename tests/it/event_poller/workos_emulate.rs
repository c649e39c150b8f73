//! The events of WorkOS's own emulator. It lists events of every type, and takes a cursor that it does not know for the
//! beginning.

use diesel::prelude::*;
use reqwest::Method;
use serde_json::json;
use vestibule::db::schema::workos_event_cursor;

use super::{ADA, applied, cursor, poll, replica};
use crate::support::app::TestApp;
use crate::support::client::plain_client;
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};
use vestibule::event_poller::PolledEvents;

#[tokio::test]
async fn its_users_are_renamed_and_deleted_here() {
    let seed = json!({ "users": [{ "email": ADA, "email_verified": true }] });
    let workos = WorkosEmulate::start(&seed).await;
    let app = TestApp::builder()
        .workos(workos.url(), workos.api_key(), CLIENT_ID)
        .start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.start_login(authorize.as_str()).await;
    ada.get(callback.as_str()).await;
    let replica = replica(&app);
    assert_eq!(poll(&replica).await, applied(0));

    let id = app.user(ADA).workos_user_id.unwrap();
    let user = format!("{}/user_management/users/{id}", workos.url());
    let change = |method: Method| {
        let request = plain_client().request(method, &user);
        request.bearer_auth(workos.api_key())
    };
    let renamed = change(Method::PUT).json(&json!({ "first_name": "Adelaide" }));
    assert!(renamed.send().await.unwrap().status().is_success());
    assert_eq!(poll(&replica).await, applied(1));
    assert_eq!(app.user(ADA).first_name, "Adelaide");
    let deleted = change(Method::DELETE).send().await.unwrap();
    assert!(deleted.status().is_success());
    // Also the events of its sessions, if it ends them.
    assert!(poll(&replica).await.applied >= 1);
    assert!(!app.user(ADA).is_active);
    assert!(app.only_session().revoked_at.is_some());

    let last = cursor(&app);
    app.change(|conn| {
        diesel::update(workos_event_cursor::table)
            .set(workos_event_cursor::event_id.eq("unknown_event"))
            .execute(conn)
    });
    let PolledEvents { known, skipped, .. } = poll(&replica).await;
    assert!(
        known >= 2 && skipped == 0,
        "{known} known, {skipped} skipped"
    );
    assert!(!app.user(ADA).is_active, "a late event does not open it");
    assert_eq!(cursor(&app), last);
}
