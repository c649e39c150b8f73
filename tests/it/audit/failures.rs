//! Failures: they are counted, and written in a limited number of rows.

use chrono::TimeDelta;
use serde_json::json;
use vestibule::audit::{AuditEvent, FailureCounter};
use vestibule::ids::UserId;
use vestibule::workos::ClientDevice;

use super::{detail, events, only};
use crate::support::app::TestApp;
use crate::webhooks::SECRET;

fn device(address: &str) -> ClientDevice {
    ClientDevice {
        ip_address: Some(address.to_owned()),
        ..ClientDevice::default()
    }
}

fn failed(user_id: Option<UserId>) -> AuditEvent {
    AuditEvent::SignInFailed {
        user_id,
        method: "local_password".to_owned(),
        reason: "wrong password".to_owned(),
    }
}

#[tokio::test]
async fn failures_of_one_account_and_address_become_one_row() {
    let app = TestApp::start();
    let user = app.add_user("ada@example.com", true);
    let counter = FailureCounter::default();
    let began = app.now();
    for second in 0..5 {
        let now = began.plus(TimeDelta::seconds(second));
        counter.count(failed(Some(user.id)), &device("192.0.2.1"), now);
    }
    counter.count(failed(Some(user.id)), &device("192.0.2.2"), began);
    counter.count(failed(None), &device("192.0.2.1"), began);
    counter.write(&app.database, app.now()).await;
    let rows = events(&app);
    assert_eq!(rows.len(), 3, "{rows:?}");
    let five = rows
        .iter()
        .find(|row| row.detail.contains("times"))
        .unwrap();
    assert_eq!((five.user_id, five.at), (Some(user.id), began));
    let expected = json!({ "method": "local_password", "reason": "wrong password", "times": 5 });
    assert_eq!(detail(five), expected);
    // What was written is not written again.
    counter.write(&app.database, app.now()).await;
    assert_eq!(events(&app).len(), 3);
}

#[tokio::test]
async fn many_addresses_cannot_fill_the_table() {
    let app = TestApp::start();
    let user = app.add_user("ada@example.com", true);
    let counter = FailureCounter::default();
    for number in 0..5_000 {
        let address = format!("10.{}.{}.1", number / 250, number % 250);
        counter.count(failed(None), &device(&address), app.now());
        if number == 500 {
            counter.count(failed(Some(user.id)), &device("192.0.2.1"), app.now());
        }
    }
    counter.write(&app.database, app.now()).await;
    let rows = events(&app);
    assert_eq!(rows.len(), 31);
    let of_account = rows.iter().filter(|row| row.user_id == Some(user.id));
    assert_eq!(
        of_account.count(),
        1,
        "the failure of a known account is kept"
    );
    let omitted = only(&app, "failures_omitted");
    assert_eq!(detail(&omitted), json!({ "times": 5_001 - 30 }));
}

#[tokio::test]
async fn a_refused_webhook_is_recorded_when_the_server_stops() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    for _ in 0..3 {
        let request = app
            .visitor()
            .request(reqwest::Method::POST, "/webhooks/workos");
        let response = request
            .header("WorkOS-Signature", "t=1, v1=00")
            .send()
            .await;
        assert_eq!(response.unwrap().status(), 400);
    }
    let database = app.database.clone();
    let _kept = app.stop();
    let rows = super::events_of(&database);
    let [refused] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(refused.event, "key_refused");
    assert_eq!(refused.address.as_deref(), Some("127.0.0.1"));
    let expected = json!({ "key": "webhook_signature", "times": 3 });
    assert_eq!(detail(refused), expected);
}
