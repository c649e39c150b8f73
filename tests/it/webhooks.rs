//! `POST /webhooks/workos`: events of WorkOS.

mod memberships;
mod users;

use std::time::Duration;

use aws_lc_rs::hmac;
use chrono::TimeDelta;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{TestApp, Visitor};
use crate::support::client::plain_client;
use crate::support::log;
use crate::support::raw::ask;
use crate::support::readings::{becomes_true, happens_soon};
use crate::support::site::Site;
use crate::support::steps::set_cookie;

pub(crate) const SECRET: &str = "whsec_made_up";
const ROUTE: &str = "/webhooks/workos";

fn app() -> TestApp {
    TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start()
}

/// The signature header `t=…, v1=…` that WorkOS would send at the app's time.
pub(crate) fn signature(app: &TestApp, secret: &str, body: &str) -> String {
    let time = app.now().utc().timestamp_millis();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={time}, v1={hex}")
}

/// Sends an event with this signature.
pub(crate) async fn post(app: &TestApp, body: &str, signature: &str) -> StatusCode {
    send(app, body, signature).await.status()
}

async fn send(app: &TestApp, body: &str, signature: &str) -> Response {
    let request = plain_client()
        .post(format!("{}{ROUTE}", app.url))
        .header("Content-Type", "application/json")
        .header("WorkOS-Signature", signature)
        .body(body.to_owned());
    request.send().await.unwrap()
}

/// Asserts a refusal and returns its line, which WorkOS's dashboard shows.
async fn refusal(app: &TestApp, body: &str, signature: &str) -> String {
    let response = send(app, body, signature).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; charset=utf-8");
    let text = response.text().await.unwrap();
    let line = text
        .strip_suffix('\n')
        .expect("the text ends with a line break");
    assert!(!line.contains('\n'), "{text}");
    line.to_owned()
}

/// Sends a signed event, and asserts that it is accepted.
pub(crate) async fn send_event(app: &TestApp, id: &str, event: &str, data: Value) {
    let body =
        json!({ "id": id, "event": event, "data": data, "created_at": "2026-11-21T19:10:09.440Z" });
    let body = body.to_string();
    let status = post(app, &body, &signature(app, SECRET, &body)).await;
    assert_eq!(status, 200, "{event}");
}

/// WorkOS's JSON of a user who changed `seconds` after the app's time.
pub(crate) fn user(app: &TestApp, id: &str, email: &str, seconds: i64) -> Value {
    let at = app.now().plus(TimeDelta::seconds(seconds)).utc();
    json!({
        "object": "user",
        "id": id,
        "email": email,
        "email_verified": true,
        "first_name": "Ada",
        "last_name": format!("At {seconds}"),
        "profile_picture_url": null,
        "created_at": at.to_rfc3339(),
        "updated_at": at.to_rfc3339(),
    })
}

async fn is_signed_in(app: &TestApp, cookies: &str) -> bool {
    let visitor = Visitor::new(&app.url);
    visitor.get_with_cookies("/account", cookies).await.status() == 200
}

#[test]
fn a_flood_of_bad_signatures_is_one_line_of_the_log() {
    let site = Site::start(&[("WORKOS_WEBHOOK_SECRET", SECRET)]);
    let request = "POST /webhooks/workos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\
                   WorkOS-Signature: t=1, v1=00\r\n\r\n{}";
    for _ in 0..20 {
        assert_eq!(ask(&site.url, request.as_bytes()).unwrap().status, 400);
    }
    ask(&site.url, b"GET /end HTTP/1.1\r\nHost: localhost\r\n\r\n");
    site.program
        .wait_for_log(|line| line.contains("/end") && line.contains("404"));
    let log = site.program.log();
    let warnings = log.iter().filter(|line| line.contains(" WARN ")).count();
    assert_eq!(warnings, 1, "{log:#?}");
}

#[tokio::test]
async fn without_a_secret_the_route_is_a_404() {
    let app = TestApp::start();
    let status = post(&app, "{}", &signature(&app, SECRET, "{}")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn only_events_with_a_valid_signature_are_accepted() {
    let app = app();
    let data = user(&app, "user_new", "new@example.com", 0);
    let body = json!({ "id": "event_1", "event": "user.created", "data": data }).to_string();
    let good = signature(&app, SECRET, &body);
    for bad in [
        "",
        "t=1, v1=00",
        &signature(&app, "whsec_another", &body),
        &signature(&app, SECRET, "{}"),
        &good.replace(", ", "0, "),
    ] {
        assert_eq!(post(&app, &body, bad).await, 400, "{bad:?}");
    }
    let longer = format!("{body} ");
    assert_eq!(post(&app, &longer, &good).await, 400);
    assert!(app.users().is_empty());
    app.clock.advance(TimeDelta::seconds(181));
    assert_eq!(
        post(&app, &body, &good).await,
        400,
        "three minutes have passed"
    );
    app.clock.advance(TimeDelta::seconds(-1));
    assert_eq!(post(&app, &body, &good).await, 200);
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_one_line_that_names_the_cause() {
    let app = app();
    let body = r#"{"id":"event_1","event":"user.deleted","data":{"id":"user_1"}}"#;
    let good = signature(&app, SECRET, body);
    let wrong = signature(&app, "whsec_another", body);
    for (header, expected) in [
        ("", "header is missing or cannot be read"),
        (wrong.as_str(), "is WORKOS_WEBHOOK_SECRET this endpoint's?"),
    ] {
        let line = refusal(&app, body, header).await;
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("whsec"), "{line}");
    }
    app.clock.advance(TimeDelta::seconds(181));
    let line = refusal(&app, body, &good).await;
    assert!(line.contains("is the clock right?"), "{line}");
}

#[tokio::test]
async fn a_refused_webhook_is_logged_in_one_line() {
    log::capture();
    let app = app();
    let body = r#"{"id":"event_of_the_logs_test","event":"user.deleted","data":{}}"#;
    let line = refusal(&app, body, &signature(&app, SECRET, body)).await;
    assert_eq!(line, "the event cannot be read; see the server's log");
    assert_eq!(log::count_lines("event_of_the_logs_test"), 1);
    assert!(log::has_line_with(
        r#"WARN failed to read webhook "event_of_the_logs_test" of type "user.deleted""#,
        "missing field `id`"
    ));
    assert_eq!(
        log::count_lines("the request cannot be read: missing field `id`"),
        0
    );
}

#[tokio::test]
async fn an_unreadable_event_is_refused_and_an_unknown_one_is_not() {
    let app = app();
    for body in [
        "",
        "[]",
        "{}",
        r#"{"id":"event_1","event":"user.deleted","data":{}}"#,
        r#"{"id":"event_1","event":"user.updated","data":{"id":7}}"#,
        "{\"id\":\"event_1\",\"event\":\"user.deleted\"",
    ] {
        let status = post(&app, body, &signature(&app, SECRET, body)).await;
        assert_eq!(status, 400, "{body}");
    }
    send_event(&app, "event_2", "flag.created", json!(null)).await;
    send_event(&app, "event_3", "user.promoted", json!({ "id": "user_1" })).await;
}

#[tokio::test]
async fn a_session_revoked_at_workos_ends_with_its_tokens() {
    let app = app();
    let replica = app.replica().start();
    let laptop = app.signed_in("ada@example.com").await;
    let phone = app.signed_in("ada@example.com").await;
    let tokens = laptop.post_json("/api/auth/session", &json!({})).await.json;
    let refresh = json!({ "refresh": tokens["refresh_token"] });
    let refreshed = laptop.post_json("/api/token/refresh", &refresh).await;
    assert_eq!(refreshed.status, 200);

    let sid = sid_of(tokens["access_token"].as_str().unwrap());
    send_event(&app, "event_1", "session.revoked", json!({ "id": sid })).await;
    assert!(
        !is_signed_in(&app, &laptop.cookies("/")).await,
        "the session ends immediately"
    );
    assert!(is_signed_in(&app, &phone.cookies("/")).await);
    let refreshed = laptop.post_json("/api/token/refresh", &refresh).await;
    assert_eq!(refreshed.status, 401);
    let copy = laptop.cookies("/");
    assert!(happens_soon(&app, async || !is_signed_in(&replica, &copy).await).await);
}

fn sid_of(token: &str) -> String {
    crate::support::tokens::token_part(token, 1)["sid"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_emulator_sends_and_signs_events_as_workos_does() {
    let app = app();
    app.workos()
        .add_webhook_endpoint(&format!("{}{ROUTE}", app.url), SECRET);
    let ada = app.signed_in("ada@example.com").await;
    let id = app.user("ada@example.com").workos_user_id.unwrap();
    let workos = |method: reqwest::Method, path: String| {
        plain_client()
            .request(method, format!("{}{path}", app.emulator.base_url()))
            .bearer_auth(app.emulator.api_key())
    };
    // The emulator's clock stands still: without this the change would be as old as the sign-in.
    app.workos().advance(Duration::from_secs(1));
    let path = format!("/user_management/users/{id}");
    let renamed = workos(reqwest::Method::PUT, path.clone())
        .json(&json!({ "first_name": "Adelaide" }))
        .send();
    assert_eq!(renamed.await.unwrap().status(), 200);
    assert!(becomes_true(|| async { app.user("ada@example.com").first_name == "Adelaide" }).await);
    let deleted = workos(reqwest::Method::DELETE, path).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    let cookies = ada.cookies("/");
    assert!(becomes_true(|| async { !is_signed_in(&app, &cookies).await }).await);
    assert!(!app.user("ada@example.com").is_active);
}

#[tokio::test]
async fn a_webhook_neither_sets_nor_needs_a_cookie() {
    let app = app();
    let body = r#"{"id":"event_1","event":"user.deleted","data":{"id":"user_1"}}"#;
    for path in [ROUTE, "/webhooks/workos/"] {
        let response = plain_client()
            .post(format!("{}{path}", app.url))
            .header("WorkOS-Signature", signature(&app, SECRET, body))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(set_cookie(&response, "sessionid"), None);
        assert_eq!(response.text().await.unwrap(), "");
    }
}
