//! The events of sign-ins.

use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::json;

use super::{detail, names, only};
use crate::support::app::TestApp;
use crate::support::site::Site;

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a made-up passphrase";

#[tokio::test]
async fn a_sign_in_through_workos_is_recorded_with_who_where_and_how() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let request = ada.request(Method::GET, callback.as_str());
    let response = request
        .header(USER_AGENT, "Made-up/1.0")
        .send()
        .await
        .unwrap();
    let request_id = response.headers()["x-request-id"].to_str().unwrap();
    let signed_in = only(&app, "signed_in");
    let session = app.only_session();
    assert_eq!(signed_in.user_id, Some(session.user_id));
    assert_eq!(signed_in.session_id, Some(session.id));
    assert_eq!(signed_in.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(signed_in.user_agent.as_deref(), Some("Made-up/1.0"));
    assert_eq!(signed_in.request_id.as_deref(), Some(request_id));
    assert_eq!(signed_in.at, app.now());
    assert_eq!(detail(&signed_in), json!({ "method": "Password" }));
    assert_eq!(names(&app), ["account_created", "signed_in"]);
}

#[tokio::test]
async fn a_callback_that_is_loaded_again_signs_in_once() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    ada.get(callback.as_str()).await;
    ada.get(callback.as_str()).await;
    only(&app, "signed_in");
}

#[tokio::test]
async fn a_sign_in_with_a_password_is_recorded() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    app.visitor().log_in(EMAIL, PASSWORD).await;
    let signed_in = only(&app, "signed_in");
    assert_eq!(signed_in.user_id, Some(user.id));
    assert_eq!(signed_in.session_id, Some(app.only_session().id));
    assert_eq!(detail(&signed_in), json!({ "method": "local_password" }));
}

#[tokio::test]
async fn tokens_for_a_password_are_recorded_without_a_session() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let request = app
        .visitor()
        .request(Method::POST, "/api/token")
        .json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let signed_in = only(&app, "signed_in");
    assert_eq!(
        (signed_in.user_id, signed_in.session_id),
        (Some(user.id), None)
    );
    assert_eq!(signed_in.address.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_new_sign_in_records_the_end_of_the_previous_session() {
    let app = TestApp::start();
    let browser = app.signed_in("ada@example.com").await;
    let first = app.only_session().id;
    browser.sign_in("olive@example.com").await;
    let replaced = only(&app, "session_revoked");
    assert_eq!(replaced.session_id, Some(first));
    assert_eq!(replaced.user_id, Some(app.user("ada@example.com").id));
    assert_eq!(detail(&replaced), json!({ "reason": "replaced" }));
}

#[tokio::test]
async fn an_impersonation_is_recorded_with_who_and_why() {
    let app = TestApp::start();
    app.signed_in("imogen@example.com").await;
    let expected = ["account_created", "signed_in", "impersonation_began"];
    assert_eq!(names(&app), expected);
    let began = only(&app, "impersonation_began");
    assert_eq!(began.user_id, Some(app.user("imogen@example.com").id));
    assert_eq!(began.session_id, Some(app.only_session().id));
    let expected = json!({
        "impersonator": "support@example.com",
        "reason": "Looking into a support ticket",
    });
    assert_eq!(detail(&began), expected);
}

#[tokio::test]
async fn an_event_is_one_line_of_the_log() {
    let site = Site::start(&[("LOG_FORMAT", "json")]);
    let ada = site.visitor();
    ada.sign_in("ada@example.com").await;
    let line = site
        .program
        .wait_for_log(|line| line.contains("vestibule::audit") && line.contains("signed_in"));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["event"], "signed_in");
    assert_eq!(line["address"], "127.0.0.1");
    assert_eq!(line["method"], "Password");
    assert_eq!(line["user_id"], "1");
    assert_eq!(line["level"], "INFO");
}
