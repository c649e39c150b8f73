//! `POST /webhooks/workos`: what WorkOS tells by itself.

mod memberships;

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use chrono::TimeDelta;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use vestibule::purge::purge;

use crate::support::app::{TestApp, Visitor};
use crate::support::log;
use crate::support::program::Program;
use crate::support::readings::happens_soon;
use crate::support::steps::set_cookie;

pub(crate) const SECRET: &str = "whsec_made_up";
const ROUTE: &str = "/webhooks/workos";

fn app() -> TestApp {
    TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start()
}

/// `t=…, v1=…` as WorkOS would write it at this moment of the app's clock.
fn signature(app: &TestApp, secret: &str, body: &str) -> String {
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

async fn post(app: &TestApp, body: &str, signature: &str) -> StatusCode {
    send(app, body, signature).await.status()
}

async fn send(app: &TestApp, body: &str, signature: &str) -> Response {
    let request = reqwest::Client::new()
        .post(format!("{}{ROUTE}", app.url))
        .header("Content-Type", "application/json")
        .header("WorkOS-Signature", signature)
        .body(body.to_owned());
    request.send().await.unwrap()
}

/// The one line of a refusal, which WorkOS's dashboard shows.
async fn refusal(app: &TestApp, body: &str, signature: &str) -> String {
    let response = send(app, body, signature).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; charset=utf-8");
    let text = response.text().await.unwrap();
    let line = text.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n'), "{text}");
    line.to_owned()
}

/// Sends an event as WorkOS would; 200.
pub(crate) async fn tell(app: &TestApp, id: &str, event: &str, data: Value) {
    let body =
        json!({ "id": id, "event": event, "data": data, "created_at": "2026-11-21T19:10:09.440Z" });
    let body = body.to_string();
    let status = post(app, &body, &signature(app, SECRET, &body)).await;
    assert_eq!(status, 200, "{event}");
}

/// What WorkOS tells of a user who changed so many seconds from the app's present.
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

/// For what the emulator does a moment later.
async fn comes_true<F: Future<Output = bool>>(mut what: impl FnMut() -> F) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if what().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_route() {
    let app = TestApp::start();
    let status = post(&app, "{}", &signature(&app, SECRET, "{}")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn only_what_workos_signed_is_taken() {
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
        "three minutes are over"
    );
    app.clock.advance(TimeDelta::seconds(-1));
    assert_eq!(post(&app, &body, &good).await, 200);
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_one_plain_line_that_says_what_to_mend() {
    let app = app();
    let body = r#"{"id":"event_1","event":"user.deleted","data":{"id":"user_1"}}"#;
    let good = signature(&app, SECRET, body);
    let wrong = signature(&app, "whsec_another", body);
    for (header, says) in [
        ("", "header is missing or cannot be read"),
        (wrong.as_str(), "is WORKOS_WEBHOOK_SECRET this endpoint's?"),
    ] {
        let line = refusal(&app, body, header).await;
        assert!(line.contains(says), "{line}");
        assert!(!line.contains("whsec"), "{line}");
    }
    app.clock.advance(TimeDelta::seconds(181));
    let line = refusal(&app, body, &good).await;
    assert!(line.contains("is the clock right?"), "{line}");
}

#[tokio::test]
async fn a_refused_webhook_is_one_line_of_the_log() {
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
async fn signed_nonsense_is_refused_and_an_unknown_event_is_not() {
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
    tell(&app, "event_2", "flag.created", json!(null)).await;
    tell(&app, "event_3", "user.promoted", json!({ "id": "user_1" })).await;
}

#[tokio::test]
async fn a_user_is_made_and_changed_by_the_rules_of_a_sign_in() {
    let app = app();
    tell(
        &app,
        "event_1",
        "user.created",
        user(&app, "user_new", "new@example.com", 0),
    )
    .await;
    let made = app.user("new@example.com");
    assert_eq!(made.workos_user_id.as_deref(), Some("user_new"));
    assert!(made.password.starts_with('!'));
    let changed = user(&app, "user_new", "newer@example.com", 10);
    tell(&app, "event_2", "user.updated", changed).await;
    let after = app.user("newer@example.com");
    assert_eq!((after.id, after.last_name.as_str()), (made.id, "At 10"));

    // Somebody whose address is not verified waits for a sign-in.
    let mut unverified = user(&app, "user_other", "other@example.com", 0);
    unverified["email_verified"] = json!(false);
    tell(&app, "event_3", "user.created", unverified).await;
    // An account that is another WorkOS user's stays theirs.
    tell(
        &app,
        "event_4",
        "user.created",
        user(&app, "user_thief", "newer@example.com", 99),
    )
    .await;
    assert_eq!(app.users(), [after]);
}

#[tokio::test]
async fn late_and_repeated_events_change_nothing() {
    let app = app();
    let at = |seconds| user(&app, "user_new", "new@example.com", seconds);
    tell(&app, "event_1", "user.created", at(0)).await;
    tell(&app, "event_3", "user.updated", at(20)).await;
    tell(&app, "event_2", "user.updated", at(10)).await;
    assert_eq!(app.user("new@example.com").last_name, "At 20");
    // The same id again, whatever it says by now.
    tell(&app, "event_3", "user.updated", at(30)).await;
    tell(&app, "event_3", "user.deleted", json!({ "id": "user_new" })).await;
    let user = app.user("new@example.com");
    assert!(user.is_active && user.last_name == "At 20");
}

#[tokio::test]
async fn of_many_deliveries_at_once_one_is_taken() {
    let app = app();
    let replica = app
        .replica()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    let data = user(&app, "user_new", "new@example.com", 0);
    let body = json!({ "id": "event_1", "event": "user.created", "data": data }).to_string();
    let header = signature(&app, SECRET, &body);
    let posts = (0..8).map(|number| {
        let to = if number % 2 == 0 { &app } else { &replica };
        post(to, &body, &header)
    });
    let statuses = futures_util::future::join_all(posts).await;
    assert_eq!(statuses, [StatusCode::OK; 8]);
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_deleted_user_is_closed_and_comes_back_by_no_event() {
    let app = app();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    let account = app.user("ada@example.com");
    let id = account.workos_user_id.clone().unwrap();
    assert!(is_signed_in(&app, &cookies).await);
    tell(&app, "event_1", "user.deleted", json!({ "id": id })).await;
    assert!(!is_signed_in(&app, &cookies).await, "at once");
    let closed = app.user("ada@example.com");
    assert!(!closed.is_active && closed.token_version > account.token_version);

    let late = user(&app, &id, "ada@example.com", 60);
    tell(&app, "event_2", "user.updated", late.clone()).await;
    tell(&app, "event_3", "user.created", late).await;
    assert_eq!(app.user("ada@example.com"), closed);
    // Nor by a sign-in: the emulator still knows her.
    assert_eq!(app.visitor().sign_in("ada@example.com").await.status(), 403);

    // One whom nobody knew here is not made by an event that was overtaken.
    tell(
        &app,
        "event_4",
        "user.deleted",
        json!({ "id": "user_gone" }),
    )
    .await;
    tell(
        &app,
        "event_5",
        "user.created",
        user(&app, "user_gone", "gone@example.com", 0),
    )
    .await;
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn for_thirty_days_it_is_known_whom_workos_deleted() {
    let app = app();
    let gone = json!({ "id": "user_gone" });
    tell(&app, "event_1", "user.deleted", gone).await;
    let purged = async |seconds| {
        app.clock.advance(TimeDelta::seconds(seconds));
        let lifetime = app.settings.tokens.access_lifetime;
        let gone = purge(&app.database, lifetime, app.now()).await.unwrap();
        gone.webhook_events
    };
    assert_eq!(purged(30 * 86_400 - 1).await, 0);
    let back = |app: &TestApp| user(app, "user_gone", "gone@example.com", 0);
    tell(&app, "event_2", "user.created", back(&app)).await;
    assert!(app.users().is_empty(), "a late event brings nobody back");
    assert_eq!(purged(1).await, 1);
    tell(&app, "event_3", "user.created", back(&app)).await;
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn activate_frees_a_deleted_users_row_for_another() {
    let app = app();
    app.signed_in("ada@example.com").await;
    let id = app.user("ada@example.com").workos_user_id.unwrap();
    tell(&app, "event_1", "user.deleted", json!({ "id": id })).await;
    let again = user(&app, "user_again", "ada@example.com", 60);
    tell(&app, "event_2", "user.created", again.clone()).await;
    assert_eq!(
        app.user("ada@example.com").workos_user_id.as_ref(),
        Some(&id)
    );

    let activate = Program::new(&["activate", "ada@example.com"]);
    activate
        .env("DATABASE_URL", app.database_url())
        .run()
        .exits_with(0);
    let freed = app.user("ada@example.com");
    assert!(freed.is_active && freed.workos_user_id.is_none());
    tell(&app, "event_3", "user.updated", again).await;
    let linked = app.user("ada@example.com");
    assert_eq!(linked.workos_user_id.as_deref(), Some("user_again"));
    assert_eq!(linked.id, freed.id);
    // The first of the two stays deleted.
    let late = user(&app, &id, "late@example.com", 90);
    tell(&app, "event_4", "user.updated", late).await;
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_revoked_session_ends_here_with_its_tokens() {
    let app = app();
    let replica = app.replica().start();
    let laptop = app.signed_in("ada@example.com").await;
    let phone = app.signed_in("ada@example.com").await;
    let tokens = laptop.post_json("/api/auth/session", &json!({})).await.json;
    let refresh = json!({ "refresh": tokens["refresh_token"] });
    let refreshed = laptop.post_json("/api/token/refresh", &refresh).await;
    assert_eq!(refreshed.status, 200);

    let sid = sid_of(tokens["access_token"].as_str().unwrap());
    tell(&app, "event_1", "session.revoked", json!({ "id": sid })).await;
    assert!(!is_signed_in(&app, &laptop.cookies("/")).await, "at once");
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
async fn the_emulator_tells_and_signs_as_workos_does() {
    let app = app();
    // It keeps its own time, which is the system's; so does this app.
    app.workos()
        .add_webhook_endpoint(&format!("{}{ROUTE}", app.url), SECRET);
    let ada = app.signed_in("ada@example.com").await;
    let id = app.user("ada@example.com").workos_user_id.unwrap();
    let workos = |method: reqwest::Method, path: String| {
        reqwest::Client::new()
            .request(method, format!("{}{path}", app.emulator.base_url()))
            .bearer_auth(app.emulator.api_key())
    };
    let path = format!("/user_management/users/{id}");
    let renamed = workos(reqwest::Method::PUT, path.clone())
        .json(&json!({ "first_name": "Adelaide" }))
        .send();
    assert_eq!(renamed.await.unwrap().status(), 200);
    assert!(comes_true(|| async { app.user("ada@example.com").first_name == "Adelaide" }).await);
    let deleted = workos(reqwest::Method::DELETE, path).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    let cookies = ada.cookies("/");
    assert!(comes_true(|| async { !is_signed_in(&app, &cookies).await }).await);
    assert!(!app.user("ada@example.com").is_active);
}

#[tokio::test]
async fn a_webhook_sets_no_cookie_and_needs_none() {
    let app = app();
    let body = r#"{"id":"event_1","event":"user.deleted","data":{"id":"user_1"}}"#;
    for path in [ROUTE, "/webhooks/workos/"] {
        let response = reqwest::Client::new()
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
