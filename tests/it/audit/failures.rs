//! Failures: they are counted, and written in a limited number of rows.

use chrono::TimeDelta;
use serde_json::json;
use vestibule::audit::{AuditEvent, AuditEventRow, FailureCounter};
use vestibule::ids::UserId;
use vestibule::workos::ClientDevice;

use super::{detail, events, only};
use crate::support::app::TestApp;
use crate::support::tokens::forge_token;
use crate::webhooks::SECRET;

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";

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

/// Stops the app, which writes its counted failures, and returns the events.
fn stopped(app: TestApp) -> Vec<AuditEventRow> {
    let database = app.database.clone();
    let kept = app.stop();
    let rows = super::events_of(&database);
    drop(kept);
    rows
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
async fn failures_of_one_account_displace_none_of_another() {
    let app = TestApp::start();
    let noisy = app.add_user("ada@example.com", true);
    let quiet = app.add_user("grace@example.com", true);
    let counter = FailureCounter::default();
    for number in 0..80 {
        let address = device(&format!("192.0.2.{number}"));
        for _ in 0..2 {
            counter.count(failed(Some(noisy.id)), &address, app.now());
        }
    }
    counter.count(failed(Some(quiet.id)), &device("198.51.100.1"), app.now());
    counter.write(&app.database, app.now()).await;
    let rows = events(&app);
    assert_eq!(rows.len(), 31);
    assert!(rows.iter().any(|row| row.user_id == Some(quiet.id)));
}

#[tokio::test]
async fn failures_of_one_network_displace_none_of_another() {
    let app = TestApp::start();
    let quiet = app.add_user("grace@example.com", true);
    let counter = FailureCounter::default();
    for number in 0..2_000_i64 {
        // Each names another account, and comes from another /64.
        let address = device(&format!("2001:db8:{}:{}::1", number / 250, number % 250));
        let noisy = UserId::from(1_000_000 + number);
        for _ in 0..2 {
            counter.count(failed(Some(noisy)), &address, app.now());
        }
    }
    counter.count(failed(Some(quiet.id)), &device("198.51.100.1"), app.now());
    counter.write(&app.database, app.now()).await;
    let rows = events(&app);
    assert_eq!(rows.len(), 31);
    assert!(rows.iter().any(|row| row.user_id == Some(quiet.id)));
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
    let rows = stopped(app);
    let [refused] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(refused.event, "key_refused");
    assert_eq!(refused.address.as_deref(), Some("127.0.0.1"));
    let expected = json!({ "key": "webhook_signature", "times": 3 });
    assert_eq!(detail(refused), expected);
}

#[tokio::test]
async fn a_refused_password_is_recorded_with_its_account() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    let visitor = app.visitor();
    visitor.log_in(EMAIL, "wrong passphrase").await;
    visitor
        .log_in("nobody@example.com", "wrong passphrase")
        .await;
    let body = json!({ "email": EMAIL, "password": "wrong passphrase" });
    visitor.post_json("/api/token", &body).await;
    let rows = stopped(app);
    let of = |user_id| rows.iter().find(|row| row.user_id == user_id).unwrap();
    let expected = json!({ "method": "local_password", "reason": "refused password" });
    assert_eq!(detail(of(None)), expected);
    let mut twice = expected;
    twice["times"] = json!(2);
    assert_eq!(detail(of(Some(user.id))), twice);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row.event == "sign_in_failed"));
}

#[tokio::test]
async fn a_refused_callback_is_recorded_with_the_reason() {
    let app = TestApp::start();
    let visitor = app.visitor();
    visitor.start_login("/auth/login").await;
    visitor
        .get("/auth/callback?code=made-up&state=made-up")
        .await;
    let rows = stopped(app);
    let [failed] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(failed.event, "sign_in_failed");
    let expected = json!({ "method": "workos", "reason": "wrong state" });
    assert_eq!(detail(failed), expected);
}

#[tokio::test]
async fn a_closed_account_is_named() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    let ada = app.user("ada@example.com").id;
    app.set_active(ada, false);
    let visitor = app.visitor();
    visitor.sign_in("ada@example.com").await;
    let rows = stopped(app);
    let failed = rows.last().unwrap();
    assert_eq!(
        (failed.event.as_str(), failed.user_id),
        ("sign_in_failed", Some(ada))
    );
    let expected = json!({ "method": "workos", "reason": "closed account" });
    assert_eq!(detail(failed), expected);
}

/// A sign-in, a wrong password and a log-out leave no secret in the trail.
#[tokio::test]
async fn no_event_holds_a_secret() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    grace.log_in(EMAIL, "wrong passphrase").await;
    grace.log_in("wrong field passphrase", "x").await;
    grace.log_in(EMAIL, PASSWORD).await;
    let cookie = grace.cookie("/", "sessionid").unwrap();
    grace.post("/auth/logout").await;
    let rows = format!("{:?}", stopped(app));
    assert!(rows.contains("sign_in_failed"), "{rows}");
    for secret in [
        PASSWORD,
        "wrong passphrase",
        "wrong field passphrase",
        &cookie,
    ] {
        assert!(!rows.contains(secret), "{secret}: {rows}");
    }
}

#[tokio::test]
async fn tokens_with_a_wrong_signature_are_counted() {
    let app = TestApp::start();
    let user = app.add_password_user(EMAIL);
    let forge = |kind: &str| {
        let payload = app.claims(kind, &user).to_string();
        let secret = b"another secret of at least 32 bytes";
        forge_token(r#"{"alg":"HS256","typ":"JWT"}"#, payload.as_bytes(), secret)
    };
    let unsigned = forge_token(r#"{"alg":"none"}"#, b"{}", b"");
    let visitor = app.visitor();
    for token in [forge("access"), unsigned, "nonsense".to_owned()] {
        assert_eq!(visitor.get_me_with_token(&token).await.status, 401);
        let body = json!({ "token": token });
        let verified = visitor.post_json("/api/token/verify", &body).await;
        assert_eq!(verified.status, 401);
    }
    let body = json!({ "refresh": forge("refresh") });
    for path in ["/api/token/refresh", "/api/token/blacklist"] {
        assert_eq!(visitor.post_json(path, &body).await.status, 401, "{path}");
    }
    let rows = stopped(app);
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "key_refused")
        .collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let expected = json!({ "key": "token_signature", "times": 6 });
    assert_eq!(detail(rows[0]), expected);
}
